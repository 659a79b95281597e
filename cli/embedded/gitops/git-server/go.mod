module shopctl.dev/git-server

go 1.24.0
