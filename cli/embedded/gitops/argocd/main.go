// The two parts of Argo CD that release from git without a user interface, in one program. Its first argument says which
// part it is.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	askpass "github.com/argoproj/argo-cd/v3/cmd/argocd-git-ask-pass/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
)

var parts = map[string]func() *cobra.Command{
	"application-controller": controller.NewCommand,
	"repo-server":            reposerver.NewCommand,
}

// When the repo server runs git, it names this part so. git runs `argocd` with its question as the first argument.
const askPass = "argocd-git-ask-pass"

func main() {
	command, args := askpass.NewCommand, os.Args[1:]
	if os.Getenv("ARGOCD_BINARY_NAME") != askPass {
		command = nil
		if len(args) > 0 {
			command, args = parts[args[0]], args[1:]
		}
	}
	if command == nil {
		fmt.Fprintln(os.Stderr, "The first argument is application-controller or repo-server.")
		os.Exit(2)
	}
	part := command()
	part.SetArgs(args)
	if part.Execute() != nil {
		os.Exit(1)
	}
}
