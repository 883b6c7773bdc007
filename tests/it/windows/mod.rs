//! Windows, without one: the scripts are read by a grammar of PowerShell and by a lint of our own, and the exchange is
//! tested against a stand-in for `powershell.exe`. No script of these was ever run by PowerShell.

mod machine;
mod runs;
mod scripts;
mod stand_in;
