# The rest of library.ps1, which is read before it: the daemon, what is owed to it, its reload and its restart, facts, and at
# the end the calls.

# --- the daemon -----------------------------------------------------------------------------------------------------

function service() {
    Get-CimInstance -ClassName Win32_Service -Filter "Name='docker'" -ErrorAction SilentlyContinue
}
# The daemon's process, or nothing.
function daemon() {
    $service = service
    if (-not $service -or $service.State -ne 'Running' -or $service.ProcessId -eq 0) { return }
    Get-CimInstance -ClassName Win32_Process -Filter "ProcessId=$($service.ProcessId)" -ErrorAction SilentlyContinue
}
# As one word that no other process has.
function started($process) { "$($process.ProcessId):$($process.CreationDate.ToUniversalTime().Ticks)" }
function pipe() {
    $named = [string]$settings.header.socket
    if ($named.StartsWith('\\.\pipe\')) { $named } else { '\\.\pipe\docker_engine' }
}
function docker([string[]]$words, [int]$limit) {
    $program = find_program 'docker.exe'
    $process = daemon
    if ($program -eq '' -and $process -and $process.ExecutablePath) {
        $beside = [IO.Path]::Combine([IO.Path]::GetDirectoryName($process.ExecutablePath), 'docker.exe')
        if ((kind $beside) -eq 'file') { $program = $beside }
    }
    if ($program -eq '') { return @{ status = 127; out = ''; text = 'docker.exe is not on this host' } }
    run $program (@('-H', "npipe://$((pipe).Replace('\', '/'))") + $words) $limit
}
# What of it changes by itself is dropped: an answer that means the same has to be the same.
function info() {
    $done = docker @('info', '--format', '{{json .}}') 20
    $text = ($done.out -split "`n")[0].Trim()
    if (-not $text.StartsWith('{') -or $text -notmatch '"ServerVersion":"[^"]') { return '' }
    $text = $text -replace '"SystemTime":"[^"]*",', '' -replace '"(NFd|NGoroutines|NEventsListener|Images)":[0-9]*,', ''
    $text -replace '"(Containers|ContainersRunning|ContainersPaused|ContainersStopped)":[0-9]*,', ''
}
function ask_process() {
    $service = service
    if (-not $service) { return }
    say 'installed' '1'
    $unit = 'inactive'
    switch ($service.State) {
        'Running' { $unit = 'active' }
        'Start Pending' { $unit = 'activating' }
        'Continue Pending' { $unit = 'activating' }
        'Stop Pending' { $unit = 'deactivating' }
        # 1077: it has not been started since the machine was.
        'Stopped' { if ($service.ExitCode -ne 0 -and $service.ExitCode -ne 1077) { $unit = 'failed' } }
    }
    $body.Add("unit=docker $unit")
    $process = daemon
    if (-not $process) { return }
    say 'pid' "$($process.ProcessId)"
    say 'start' (started $process)
    say 'started' "$(seconds $process.CreationDate)"
    say 'command_line' (word $process.CommandLine)
    say 'program' (word $process.ExecutablePath)
    say 'environ' (word (environment))
}
# The proxies that the service is given, by its own entry in the registry or for the whole machine.
function environment() {
    $found = New-Object 'Collections.Generic.List[string]'
    $own = @()
    $key = Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Services\docker' -ErrorAction SilentlyContinue
    if ($key -and $key.PSObject.Properties['Environment']) { $own = @($key.Environment) }
    foreach ($line in $own) { if ($line -match '^(HTTPS?_PROXY|NO_PROXY)=') { $found.Add($line) } }
    foreach ($name in @('HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY')) {
        $value = [Environment]::GetEnvironmentVariable($name, 'Machine')
        if ($value) { $found.Add("$name=$value") }
    }
    [string]::Join("`n", $found.ToArray())
}
function ask_info() {
    if (-not (daemon)) { return }
    $text = info
    if ($text -ne '') { say 'info' (word $text) }
}
# The running containers, a line each: id, restart policy, name.
function containers() {
    $ids = docker @('ps', '-q', '--no-trunc') 20
    if ($ids.status -ne 0) { fail 1 "the running containers cannot be listed: $($ids.text.Trim())" }
    $words = @($ids.out -split '\s+' | Where-Object { $_ -ne '' })
    if ($words.Count -eq 0) { return }
    $format = '{{.Id}} {{or .HostConfig.RestartPolicy.Name "no"}} {{.Name}}'
    # One that goes in between is left out.
    $found = docker (@('inspect', '-f', $format) + $words) 20
    foreach ($line in ($found.out -split "`n")) {
        if ($line.Trim() -match '^([0-9a-f]+ [a-z-]+) /?(\S+)$') { "$($Matches[1]) $($Matches[2])" }
    }
}
function ask_containers() {
    if (-not (daemon)) { return }
    foreach ($line in @(containers | Sort-Object)) { say 'container' $line }
}
function ask_builders() {
    if (-not (daemon)) { return }
    $found = docker @('ps', '-a', '--filter', 'name=buildx_buildkit_', '--format', '{{.Names}}') 20
    $names = @()
    foreach ($line in ($found.out -split "`n")) {
        if ($line.Trim() -match '^/?buildx_buildkit_(.+?)[0-9]*$') { $names += $Matches[1] }
    }
    foreach ($name in @($names | Sort-Object -Unique)) { say 'builder' (word $name) }
}
function ask_validate([byte[]]$config, [string]$program, [Parameter(ValueFromRemainingArguments = $true)][string[]]$flags) {
    $file = [IO.Path]::Combine((runtime), "validate-$($settings.token).json")
    if ((kind $file) -ne 'absent') { fail 1 "something stands at $file" }
    try {
        create $file $file $config
        $done = run $program (@($flags | Where-Object { $null -ne $_ }) + @('--validate', '--config-file', $file)) 20
    }
    finally { remove_quietly $file; tidy }
    say 'status' "$($done.status)"
    say 'message' (word $done.text)
}
function ask_host_check([string]$scheme, [string]$registry, [string]$name) {
    $address = $null
    if (-not [Net.IPAddress]::TryParse($name, [ref]$address)) {
        try { $null = [Net.Dns]::GetHostAddresses($name); say 'resolves' 'yes' } catch { say 'resolves' 'no' }
    }
    $curl = find_program 'curl.exe'
    if ($curl -eq '') { return }
    # Windows' own curl asks whether a certificate is revoked, and fails where a private CA does not say; dockerd does not ask.
    $words = @('-sS', '--max-time', '10', '--ssl-no-revoke', '-w', '\n%{http_code}\n', "${scheme}://$registry/v2/")
    $done = run $curl $words 15
    say 'curl' "$($done.status)"
    say 'answer' (word $done.text)
}
function ask_resolve([string]$name) {
    try {
        $found = [Net.Dns]::GetHostAddresses($name)
        say 'resolves' 'yes'
        foreach ($address in $found) { say 'address' "$address" }
    } catch { say 'resolves' 'no' }
}
function ask_distribution([string]$registry) {
    if (-not (daemon)) { say 'status' '0'; say 'message' (word 'no docker daemon runs on this host'); return }
    $done = docker @('pull', "$registry/dtrctl-probe:none") 60
    say 'status' '1'
    say 'message' (word $done.text)
}

# --- what is owed ---------------------------------------------------------------------------------------------------

function runtime_path() { [IO.Path]::Combine([Environment]::GetFolderPath('CommonApplicationData'), 'dtrctl', 'run') }
function runtime() {
    $path = runtime_path
    make_private $path
    $path
}
# Nothing is left over where nothing is owed; what is not empty stays.
function tidy() {
    $path = runtime_path
    try { [IO.Directory]::Delete($path); [IO.Directory]::Delete([IO.Path]::GetDirectoryName($path)) } catch { $null = $_ }
}
function record([string]$id) {
    [IO.Path]::Combine((runtime), 'owed-' + (digest $utf8.GetBytes($id)).Substring(0, 16))
}
function ask_owed() {
    if ((kind (runtime_path)) -ne 'dir') { return }
    $now = 'none'
    $process = daemon
    if ($process) { $now = started $process }
    foreach ($file in [IO.Directory]::GetFiles((runtime), 'owed-*')) {
        if ([IO.Path]::GetExtension($file) -ne '') { continue }
        $held = [IO.File]::ReadAllLines($file, $utf8)
        # A record is void once the daemon that it was written for is gone.
        if ($held.Length -ge 4 -and $held[1] -ceq $now) { $body.Add("owed=$($held[0]) $($held[2]) $($held[3])") }
    }
}
function do_owe([string]$id, [string]$need, [string]$reason) {
    $process = daemon
    if (-not $process) { return }
    $file = record $id
    $temporary = "$file.$($settings.token)"
    $was = "$file.was"
    remove_quietly $temporary
    remove_quietly $was
    $text = "$need`n$(started $process)`n$(word $id)`n$(word $reason)`n"
    create $temporary $temporary $utf8.GetBytes($text)
    if ((kind $file) -eq 'file') { [IO.File]::Replace($temporary, $file, $was) } else { [IO.File]::Move($temporary, $file) }
}
# What was owed before its last record is owed again.
function unowe([string]$id) {
    $file = record $id
    remove_quietly $file
    if ((kind "$file.was") -eq 'file') { [IO.File]::Move("$file.was", $file) }
}
function settle([string]$ids) {
    foreach ($id in $ids.Split(' ')) {
        if ($id -eq '') { continue }
        $file = record $id
        remove_quietly $file
        remove_quietly "$file.was"
    }
    tidy
}

# --- reload and restart ---------------------------------------------------------------------------------------------

# What the daemon has logged since a time: a service of Windows logs to the event log.
function logged([DateTime]$since) {
    $filter = @{ LogName = 'Application'; ProviderName = 'docker'; StartTime = $since }
    $found = @()
    # That there is none is an error, too.
    try { $found = @(Get-WinEvent -FilterHashtable $filter -MaxEvents 50) } catch { $null = $_ }
    $texts = New-Object 'Collections.Generic.List[string]'
    foreach ($each in $found) { $texts.Insert(0, "$($each.Message)".Trim()) }
    [string]::Join("`n", $texts.ToArray())
}
# What it complains of: with level=info it prints its whole configuration, which may hold a proxy's password.
function log_end([DateTime]$since, [int]$count) {
    $complaints = @((logged $since) -split "`n" | Where-Object { $_ -notmatch 'level=(info|debug)' -and $_ -notmatch '^\{' })
    [string]::Join("`n", @($complaints | Select-Object -Last $count))
}
function refused([string]$log) {
    $log -match 'unable to configure the Docker daemon|configuration validation failed|Error reconfiguring the daemon'
}
# Windows has no signals: dockerd listens to an event that is named after its process. A service of the system makes it
# with rules that let administrators wait for it, and only the system itself set it.
function signal([string]$name) {
    try { $event_of_daemon = [Threading.EventWaitHandle]::OpenExisting($name) }
    catch [UnauthorizedAccessException] { signal_as_system $name; return }
    try { $null = $event_of_daemon.Set() } finally { $event_of_daemon.Dispose() }
}
# By a task that runs once, as the system.
function signal_as_system([string]$name) {
    $code = "if (-not [Threading.EventWaitHandle]::OpenExisting('$name').Set()) { exit 1 }"
    $encoded = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($code))
    $task = "dtrctl-$($settings.token)"
    $action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument "-NoProfile -NonInteractive -EncodedCommand $encoded"
    $system = New-ScheduledTaskPrincipal -UserId 'S-1-5-18' -LogonType ServiceAccount
    $null = Register-ScheduledTask -TaskName $task -Action $action -Principal $system
    try {
        Start-ScheduledTask -TaskName $task
        $result = 0
        for ($tries = 0; $tries -lt 40; $tries++) {
            Start-Sleep -Milliseconds 500
            $result = (Get-ScheduledTaskInfo -TaskName $task).LastTaskResult
            # It runs, it has not run, it waits.
            if (@(267009, 267011, 267045) -notcontains $result) { break }
        }
        if ($result -ne 0) { fail 1 "the daemon could not be told to reload: a task of the system ended with $result" }
    }
    finally { Unregister-ScheduledTask -TaskName $task -Confirm:$false }
}
function do_reload([string]$how, [string]$settles) {
    $process = daemon
    if (-not $process) { fail 1 'no docker daemon runs on this host' }
    $since = [DateTime]::Now
    $before = info
    $boot = started $process
    signal "Global\docker-daemon-config-$($process.ProcessId)"
    for ($tries = 0; $tries -lt 20; $tries++) {
        Start-Sleep -Milliseconds 500
        $log = logged $since
        if (refused $log) { break }
        if ($how -eq 'visible') { if ((info) -cne $before) { break } }
        elseif ($log -match 'Reloaded configuration' -or $tries -ge 3) { break }
    }
    if (refused (logged $since)) {
        fail 1 "the daemon has refused its configuration and goes on with the old one: $(log_end $since 3)"
    }
    $process = daemon
    if (-not $process -or (started $process) -cne $boot) { fail 1 "the daemon did not outlive the reload: $(log_end $since 8)" }
    if ($how -eq 'visible' -and (info) -ceq $before) {
        fail 1 "the daemon was told to reload, but shows the same settings as before: $(log_end $since 3)"
    }
    settle $settles
}
# Of the containers that ran, all but those that may stay down have to run: the names of those that do not.
function missing([string[]]$ran, [string]$stays) {
    $now = @(containers)
    foreach ($line in $ran) {
        $fields = $line.Split(' ')
        if ($stays.Split(' ') -ccontains $fields[2]) { continue }
        if (-not ($now | Where-Object { $_.StartsWith("$($fields[0]) ") })) { $fields[2] }
    }
}
function manages() { (info) -match '"ControlAvailable":true' }
# Services that depend on docker are stopped with it and started again.
function do_restart([string]$how, [string]$stops, [string]$stays, [string]$settles, [string]$command, [string]$name) {
    $since = [DateTime]::Now
    $ran = @(); $boot = 'none'; $manager = $false
    $process = daemon
    if ($process) {
        $boot = started $process
        $ran = @(containers)
        $manager = manages
        foreach ($line in $ran) {
            $container = $line.Split(' ')[2]
            if ("$stops $stays".Split(' ') -cnotcontains $container) { moved "the container $container runs now, and would stop" }
        }
    }
    $said = ''
    try { Restart-Service -Name $name -Force -WarningAction SilentlyContinue } catch { $said = $_.Exception.Message }
    for ($tries = 0; ; $tries++) {
        $process = daemon
        if ($process -and (started $process) -cne $boot -and (docker @('version') 10).status -eq 0) { break }
        $service = service
        $dead = $service -and $service.State -eq 'Stopped' -and $tries -ge 5
        if ($dead -or $tries -ge 60) { fail 1 "the daemon does not answer after the restart: $said $(log_end $since 8)" }
        Start-Sleep -Seconds 1
    }
    settle $settles
    for ($tries = 0; $manager -and -not (manages); $tries++) {
        if ($tries -ge 60) { fail 1 'the daemon runs again, but its swarm does not count it as a manager' }
        Start-Sleep -Seconds 1
    }
    for ($tries = 0; ; $tries++) {
        $lost = @(missing $ran $stays)
        if ($lost.Count -eq 0) { break }
        if ($tries -ge 30) { fail 1 "the daemon runs again, but these containers that ran before do not: $lost" }
        Start-Sleep -Seconds 1
    }
}

# --- facts ----------------------------------------------------------------------------------------------------------

function ask_facts() {
    $version = Get-ItemProperty -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
    $kernel = [Environment]::OSVersion.Version
    $number = "$($kernel.Major).$($kernel.Minor).$($version.CurrentBuildNumber)"
    $release = "ID=windows`nVERSION_ID=$number`nPRETTY_NAME=`"$($version.ProductName)`"`n"
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $administrator = [Security.Principal.WindowsBuiltInRole]::Administrator
    # An administrator's session counts as root's.
    $uid = $identity.User.Value.Split('-')[-1]
    if ((New-Object Security.Principal.WindowsPrincipal $identity).IsInRole($administrator)) { $uid = '0' }
    say 'os_release' (word $release)
    say 'kernel_name' 'Windows'
    say 'kernel' $number
    say 'machine' $env:PROCESSOR_ARCHITECTURE
    say 'hostname' (word ([Environment]::MachineName))
    say 'uid' $uid
    say 'user' (word ([Environment]::UserName))
    say 'home' (word ([Environment]::GetFolderPath('UserProfile')))
    say 'init' 'windows'
    $service = service
    if (-not $service) { return }
    $process = daemon
    # What the service is started with; its process says the same, where it runs.
    $line = $service.PathName
    if ($process -and $process.CommandLine) { $line = $process.CommandLine }
    $pipe = '\\.\pipe\docker_engine'
    if ($line -match 'npipe:////\./pipe/([A-Za-z0-9_.-]+)') { $pipe = "\\.\pipe\$($Matches[1])" }
    $settled = [Environment]::GetFolderPath('CommonApplicationData')
    say 'daemon' "windows 0 $(word $service.StartName) $(word $pipe) $(word $settled) $(word $line)"
}

# --- the calls ------------------------------------------------------------------------------------------------------

for ($n = 2; $n -lt $lines.Count; $n++) {
    $call = $lines[$n] | ConvertFrom-Json
    $list = New-Object Collections.ArrayList
    foreach ($arg in $call.args) {
        $typed = $arg.PSObject.Properties['bytes']
        if ($typed) { $null = $list.Add([Convert]::FromBase64String($typed.Value)); continue }
        $typed = $arg.PSObject.Properties['number']
        if ($typed) { $null = $list.Add([long]$typed.Value); continue }
        $typed = $arg.PSObject.Properties['path']
        if (-not $typed) { $typed = $arg.PSObject.Properties['word'] }
        $null = $list.Add([string]$typed.Value)
    }
    if ($call.kind -eq 'act') { if (-not (act $call.id $call.function $list)) { break } }
    elseif ($call.kind -eq 'guarded') { guarded $call.id $call.expected $call.function $list }
    else { answer $call.id $call.function $list }
}
emit "$($settings.boundary) end`n"
