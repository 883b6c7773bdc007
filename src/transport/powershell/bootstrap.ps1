# Stands in the argument list of powershell.exe, where a command of cmd.exe has 8,191 characters at most: it takes what
# comes between two lines that hold the nonce, and runs it only if the second one came, too.
#
# PowerShell itself reads standard input and hands its lines over in $input; a second reader would race with it.
$ProgressPreference = 'SilentlyContinue'
$ErrorActionPreference = 'Stop'
if ($ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage') {
    "PowerShell is held to $($ExecutionContext.SessionState.LanguageMode) by a policy of this host"
    exit 96
}
[string[]]$l = @($input)
$i = [Array]::IndexOf($l, '@NONCE@')
if ($i -lt 0 -or $l.Count -lt $i + 4 -or $l[-1] -cne '@NONCE@') { exit 97 }
$l = $l[($i + 1)..($l.Count - 2)]
& ([ScriptBlock]::Create(($l[0] | ConvertFrom-Json).script)) $l
