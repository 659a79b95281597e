module shopctl.dev/helpers

go 1.24.0
