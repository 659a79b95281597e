// Stands in for docker-init, which the driver docker-container asks for: it becomes the program after `--`.
package main

import (
	"os"
	"syscall"
)

func main() {
	command := os.Args[2:]
	if err := syscall.Exec(command[0], command, os.Environ()); err != nil {
		panic(err)
	}
}
