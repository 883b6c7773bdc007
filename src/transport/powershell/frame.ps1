# Frames the sections of a script, as the POSIX frame does: each is a library on its first line, and lines for it. Values are handed over as they are; nothing of them is read as code.
param([string[]]$lines)

$head = $lines[1] | ConvertFrom-Json
$mark = [string]$head.mark
$stdout = [Console]::OpenStandardOutput()
function frame([string]$text) {
    $bytes = [Text.Encoding]::ASCII.GetBytes($text)
    $stdout.Write($bytes, 0, $bytes.Length)
    $stdout.Flush()
}

# The host ends it by itself at its deadline.
$watch = [PowerShell]::Create()
$null = $watch.AddScript('param($seconds) Start-Sleep -Seconds $seconds; [Environment]::Exit(143)')
$null = $watch.AddArgument([int]$head.seconds)
$null = $watch.BeginInvoke()

frame "`n$mark start`n"
# There is no sudo: an administrator's session stands for root's.
$identity = [Security.Principal.WindowsIdentity]::GetCurrent()
$role = [Security.Principal.WindowsBuiltInRole]::Administrator
$elevated = (New-Object Security.Principal.WindowsPrincipal $identity).IsInRole($role)
$at = 2
foreach ($section in $head.sections) {
    $count = [int]$section.lines
    $user = [string]$section.user
    if ($user -eq 'root') {
        if (-not $elevated) { frame "`n$mark become administrator`n"; [Environment]::Exit(0) }
    }
    elseif ($user -ne '' -and $user -ne [Environment]::UserName) { frame "`n$mark become user`n"; [Environment]::Exit(0) }
    [string[]]$own = $lines[$at..($at + $count - 1)]
    $at += $count
    $status = 0
    try {
        $library = [ScriptBlock]::Create(($own[0] | ConvertFrom-Json).script)
        $null = & $library $own $stdout
    }
    catch {
        [Console]::Error.WriteLine($_.ToString())
        $status = 1
    }
    frame "`n$mark $status`n"
    if ($status -ne 0) { break }
}
frame "`n$mark end`n"
# The watch may still sleep.
[Environment]::Exit(0)
