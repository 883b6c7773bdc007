# The Windows host's half of dtrctl: functions of the names that library.sh has. Those that ask print key=value lines,
# those that act throw where they fail. A module's ask or change without a function here is refused before anything runs.
# For Windows PowerShell 5.1. It was never run on a real Windows: docs/windows.md says what was tested, and how.
#
# Values come as JSON, a call a line, and are bound to typed parameters: none of them is ever read as code.

param([string[]]$lines, $stdout)

$ErrorActionPreference = 'Stop'
$settings = $lines[1] | ConvertFrom-Json
$utf8 = New-Object Text.UTF8Encoding $false
# Objects, so that functions can change what they hold without changing a variable of another scope.
$body = New-Object 'Collections.Generic.List[string]'
$state = @{ status = 0; owing = $null }
$answers = @{}

function emit([string]$text) {
    $bytes = $utf8.GetBytes($text)
    $stdout.Write($bytes, 0, $bytes.Length)
    $stdout.Flush()
}
function say([string]$key, [string]$value) { $body.Add("$key=$value") }
function fail([int]$status, [string]$text) { $state.status = $status; throw $text }
function enc([byte[]]$bytes) { if ($null -ne $bytes) { 'b:' + [Convert]::ToBase64String($bytes) } else { 'b:' } }
function word([string]$text) { enc $utf8.GetBytes($text) }
function hex([byte[]]$bytes) { [BitConverter]::ToString($bytes).Replace('-', '') }
function digest([byte[]]$bytes) {
    if ($null -eq $bytes) { $bytes = [byte[]]@() }
    # The managed class is refused where Windows is in FIPS mode.
    $sha = New-Object Security.Cryptography.SHA256CryptoServiceProvider
    (hex $sha.ComputeHash($bytes)).ToLowerInvariant()
}
function seconds([DateTime]$time) {
    [long][Math]::Floor(($time.ToUniversalTime().Ticks - 621355968000000000) / 10000000)
}

# --- frames ---------------------------------------------------------------------------------------------------------

# Makes one call; its status. What it throws is its last line.
function call([string]$name, $list) {
    $body.Clear()
    $state.status = 0
    if (-not (Test-Path -LiteralPath "function:$name")) {
        $body.Add("this host has no function $name")
        return 127
    }
    try { $null = & $name @list }
    catch {
        if ($state.status -eq 0) { $state.status = 1 }
        $body.Add($_.Exception.Message)
    }
    $state.status
}
function text() { [string]::Join("`n", $body.ToArray()).TrimEnd("`n") }
function answer([int]$id, [string]$name, $list) {
    $status = call $name $list
    $kept = New-Object 'Collections.Generic.List[string]'
    # What is sent only where the controller does not hold it yet is no part of what an answer means.
    foreach ($line in (text).Split("`n")) { if (-not $line.StartsWith('bulk=')) { $kept.Add($line) } }
    $answers["$id"] = digest $utf8.GetBytes([string]::Join("`n", $kept.ToArray()).TrimEnd("`n"))
    emit "$($settings.boundary) $id $status`n$(text)`n"
}
# Made only where the earlier answers are the ones expected.
function guarded([int]$id, $expected, [string]$name, $list) {
    foreach ($pair in $expected) {
        if ($answers["$($pair.id)"] -cne [string]$pair.digest) {
            emit "$($settings.boundary) $id 95`n"
            return
        }
    }
    answer $id $name $list
}
# The first that fails ends the script: false then.
function act([int]$id, [string]$name, $list) {
    $status = call $name $list
    emit "$($settings.boundary) $id $status`n$(word (text))`n"
    if ($status -eq 0) {
        if ($name -eq 'do_owe') { $state.owing = $list[0] }
        elseif ($name -ne 'do_make_dir') { $state.owing = $null }
        return $true
    }
    # What has touched nothing owes nothing.
    if ($status -ge 94 -and $status -le 98 -and $null -ne $state.owing) { unowe $state.owing }
    $false
}

# --- files ----------------------------------------------------------------------------------------------------------

# absent, file, dir, other: a link to a file is other, one to a directory is followed.
function kind([string]$path) {
    try { $attributes = [IO.File]::GetAttributes($path) }
    catch [IO.FileNotFoundException] { return 'absent' }
    catch [IO.DirectoryNotFoundException] { return 'absent' }
    if ($attributes -band [IO.FileAttributes]::Directory) { return 'dir' }
    if ($attributes -band [IO.FileAttributes]::ReparsePoint) { return 'other' }
    if ($attributes -band [IO.FileAttributes]::Device) { return 'other' }
    'file'
}
# As stat prints it on Linux. Windows has no permission bits: what a file inherits from its directory counts as 0644, and
# 0755 for a directory. The owner is a SID, as names hold spaces and depend on the language.
function stat([string]$path, [string]$kind, [string]$between) {
    if ($kind -eq 'dir') {
        $owner = [IO.Directory]::GetAccessControl($path, 'Owner').GetOwner([Security.Principal.SecurityIdentifier]).Value
        $mode = '755'; $size = 0; $time = [IO.Directory]::GetLastWriteTimeUtc($path)
    }
    else {
        $owner = [IO.File]::GetAccessControl($path, 'Owner').GetOwner([Security.Principal.SecurityIdentifier]).Value
        $mode = '644'; $size = (New-Object IO.FileInfo $path).Length; $time = [IO.File]::GetLastWriteTimeUtc($path)
    }
    [string]::Join($between, @($mode, '0', '0', $owner, $owner, "$size", "$(seconds $time)"))
}
function ask_file([string]$path, [long]$limit) {
    $kind = kind $path
    say 'kind' $kind
    if ($kind -ne 'file' -and $kind -ne 'dir') { return }
    say 'stat' (stat $path $kind ' ')
    if ($kind -eq 'dir' -or $limit -le 0) { return }
    if ((New-Object IO.FileInfo $path).Length -gt $limit) { say 'error' 'large'; return }
    try { $bytes = [IO.File]::ReadAllBytes($path) }
    catch [UnauthorizedAccessException] { say 'error' 'unreadable'; return }
    say 'content' (enc $bytes)
}
function ask_dir([string]$path) {
    $kind = kind $path
    say 'kind' $kind
    if ($kind -ne 'dir') { return }
    try { $entries = [IO.Directory]::GetFileSystemEntries($path) }
    catch [UnauthorizedAccessException] { say 'error' 'unreadable'; return }
    foreach ($entry in $entries) {
        $link = 'file'
        if ([IO.File]::GetAttributes($entry) -band [IO.FileAttributes]::ReparsePoint) { $link = 'link' }
        $kind = kind $entry
        $stat = '-'; $content = '-'
        if ($kind -eq 'file' -or $kind -eq 'dir') { $stat = stat $entry $kind ',' }
        if ($kind -eq 'file' -and (New-Object IO.FileInfo $entry).Length -le 65536) {
            try { $content = enc ([IO.File]::ReadAllBytes($entry)) } catch [UnauthorizedAccessException] { $content = '-' }
        }
        say 'entry' "$(word ([IO.Path]::GetFileName($entry))) $link $kind $stat $content"
    }
}
function moved([string]$text) { fail 96 "it has moved on since it was read: $text" }
# Fails where a file is no longer as it was read; 'absent' stands for none.
function still([string]$path, [string]$before) {
    $kind = kind $path
    if ($before -eq 'absent') {
        if ($kind -ne 'absent') { moved 'something stands there now' }
    }
    elseif ($kind -ne 'file') { moved 'it is gone' }
    elseif ((digest ([IO.File]::ReadAllBytes($path))) -cne $before) { moved 'its content is another' }
}
# A new file, never one that waits there, with the access rules of another file where there is one. Flushed.
function create([string]$path, [string]$like, [byte[]]$bytes) {
    $new = [IO.FileMode]::CreateNew
    $none = [IO.FileShare]::None
    $through = [IO.FileOptions]::WriteThrough
    if ((kind $like) -eq 'file') {
        $access = New-Object Security.AccessControl.FileSecurity
        $section = [Security.AccessControl.AccessControlSections]::Access
        $rules = [IO.File]::GetAccessControl($like, 'Access').GetSecurityDescriptorSddlForm($section)
        $access.SetSecurityDescriptorSddlForm($rules, $section)
        $rights = [Security.AccessControl.FileSystemRights]::Modify
        $stream = [IO.FileStream]::new($path, $new, $rights, $none, 4096, $through, $access)
    }
    else { $stream = [IO.FileStream]::new($path, $new, [IO.FileAccess]::Write, $none, 4096, $through) }
    try {
        if ($null -ne $bytes) { $stream.Write($bytes, 0, $bytes.Length) }
        $stream.Flush($true)
    }
    catch {
        $stream.Dispose()
        remove_quietly $path
        throw
    }
    finally { $stream.Dispose() }
}
function remove_quietly([string]$path) { try { [IO.File]::Delete($path) } catch { $null = $_ } }
# For administrators alone, where it is not there yet. One that somebody else has made is not used.
function make_private([string]$path) {
    if ((kind $path) -eq 'absent') {
        make_private_above $path
        $access = New-Object Security.AccessControl.DirectorySecurity
        # The system and administrators, nobody else, nothing inherited.
        $access.SetSecurityDescriptorSddlForm('D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)')
        $null = [IO.Directory]::CreateDirectory($path, $access)
    }
    $owner = [IO.Directory]::GetAccessControl($path, 'Owner').GetOwner([Security.Principal.SecurityIdentifier]).Value
    $own = [Security.Principal.WindowsIdentity]::GetCurrent().User.Value
    if (@('S-1-5-18', 'S-1-5-32-544', $own) -cnotcontains $owner) { fail 1 "$path belongs to somebody else: remove it" }
}
function make_private_above([string]$path) {
    $parent = [IO.Path]::GetDirectoryName($path)
    if (is_ours $parent) { make_private $parent }
}
# A directory of dtrctl's own, or one below.
function is_ours([string]$path) { $path -match '\\dtrctl(\\|$)' }
# The modes and owners that Linux has are refused before anything runs, but for those that mean: as the directory has it.
function do_write([string]$path, [string]$before, [string]$after, [string]$mode, [string]$owner, [string]$group, [byte[]]$bytes) {
    still $path $before
    $temporary = [IO.Path]::Combine([IO.Path]::GetDirectoryName($path), ".dtrctl-$($settings.token)")
    if ((kind $temporary) -ne 'absent') { fail 1 "something stands at $temporary" }
    try { create $temporary $path $bytes } catch { fail 94 "the file could not be written: $($_.Exception.Message)" }
    try {
        if ((digest ([IO.File]::ReadAllBytes($temporary))) -cne $after) {
            fail 94 'the file could not be written whole; is the disk full?'
        }
        still $path $before
        # Replace keeps the rules, attributes and streams of what it replaces; Move takes no name that is taken.
        if ($before -eq 'absent') { [IO.File]::Move($temporary, $path) }
        else { [IO.File]::Replace($temporary, $path, [NullString]::Value) }
    }
    finally { remove_quietly $temporary }
}
function do_remove([string]$path, [string]$before) {
    still $path $before
    [IO.File]::Delete($path)
}
function do_make_dir([string]$path, [string]$mode, [string]$owner, [string]$group) {
    if (is_ours $path) { make_private $path } else { $null = [IO.Directory]::CreateDirectory($path) }
}
# Not recursive: what is not empty stays, and the change fails.
function do_remove_dir([string]$path) { [IO.Directory]::Delete($path) }

# --- programs -------------------------------------------------------------------------------------------------------

# One argument as the C runtime of a program reads it back.
function quote([string]$text) {
    if ($text -ne '' -and $text -notmatch '[\s"]') { return $text }
    '"' + ($text -replace '(\\*)"', '$1$1\"' -replace '(\\+)$', '$1$1') + '"'
}
# Runs a program without a shell: its status, its standard output, and both its outputs as one text.
function run([string]$program, [string[]]$words, [int]$limit) {
    $start = New-Object Diagnostics.ProcessStartInfo
    $start.FileName = $program
    $quoted = New-Object 'Collections.Generic.List[string]'
    foreach ($each in $words) { $quoted.Add((quote $each)) }
    $start.Arguments = [string]::Join(' ', $quoted.ToArray())
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $start.StandardOutputEncoding = $utf8
    $start.StandardErrorEncoding = $utf8
    $process = [Diagnostics.Process]::Start($start)
    $process.StandardInput.Close()
    $out = $process.StandardOutput.ReadToEndAsync()
    $err = $process.StandardError.ReadToEndAsync()
    if (-not $process.WaitForExit($limit * 1000)) {
        try { $process.Kill() } catch { $null = $_ }
        return @{ status = 124; out = ''; text = "$program did not end within $limit s" }
    }
    # A program that it left behind may hold its output open.
    $null = $out.Wait(5000)
    $null = $err.Wait(5000)
    $first = ''; $second = ''
    if ($out.IsCompleted) { $first = $out.Result }
    if ($err.IsCompleted) { $second = $err.Result }
    @{ status = $process.ExitCode; out = $first; text = "$first$second" }
}
function find_program([string]$name) {
    $found = Get-Command -Name $name -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
    if ($found) { $found.Path } else { '' }
}

# --- trust ----------------------------------------------------------------------------------------------------------

function certificate([byte[]]$der) { New-Object Security.Cryptography.X509Certificates.X509Certificate2 (, $der) }
function pem([byte[]]$der) {
    $text = [Convert]::ToBase64String($der)
    $wrapped = New-Object 'Collections.Generic.List[string]'
    for ($at = 0; $at -lt $text.Length; $at += 64) {
        $wrapped.Add($text.Substring($at, [Math]::Min(64, $text.Length - $at)))
    }
    "-----BEGIN CERTIFICATE-----`n" + [string]::Join("`n", $wrapped.ToArray()) + "`n-----END CERTIFICATE-----`n"
}
# The store as one text: each certificate that Windows trusts as a root for the whole machine, by thumbprint.
function root_store() {
    $text = New-Object Text.StringBuilder
    $all = Get-ChildItem -LiteralPath 'Cert:\LocalMachine\Root' | Sort-Object -Property Thumbprint
    foreach ($each in $all) { $null = $text.Append((pem $each.RawData)) }
    $text.ToString()
}
# When it last changed cannot be known, so that it never counts as older than the daemon.
function ask_trust_store([string]$known, [string]$directory, [string]$bundle) {
    $bytes = $utf8.GetBytes((root_store))
    $sum = digest $bytes
    say 'bundle' (word $bundle)
    say 'mtime' '9223372036854775807'
    say 'digest' $sum
    if ($known.Split(' ') -cnotcontains $sum) { say 'bulk' (enc $bytes) }
}
function in_root([string]$thumbprint) { Test-Path -LiteralPath "Cert:\LocalMachine\Root\$thumbprint" }
# Certificates come as Base64 of their DER; the command is what the plan has shown.
function do_refresh([string]$bundle, [string]$drop, [string]$present, [string]$absent, [string]$first) {
    foreach ($each in $absent.Split(' ')) {
        if ($each -eq '') { continue }
        $thumbprint = (certificate ([Convert]::FromBase64String($each))).Thumbprint
        if (in_root $thumbprint) { Remove-Item -LiteralPath "Cert:\LocalMachine\Root\$thumbprint" }
        if (in_root $thumbprint) { fail 1 "the certificate $thumbprint is still in $bundle`: group policy may bring it" }
    }
    foreach ($each in $present.Split(' ')) {
        if ($each -eq '') { continue }
        $thumbprint = (certificate ([Convert]::FromBase64String($each))).Thumbprint
        if (in_root $thumbprint) { continue }
        foreach ($file in [IO.Directory]::GetFiles($drop, 'dtrctl-*.crt')) {
            $held = certificate ([IO.File]::ReadAllBytes($file))
            if ($held.Thumbprint -eq $thumbprint) {
                $null = Import-Certificate -FilePath $file -CertStoreLocation 'Cert:\LocalMachine\Root'
            }
        }
        if (-not (in_root $thumbprint)) { fail 1 "$first left the certificate $thumbprint out of $bundle" }
    }
}
