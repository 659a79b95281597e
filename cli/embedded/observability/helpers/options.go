package main

import (
	"net"
	"regexp"
	"slices"
	"strings"
)

// options of cluster-state. Of the flags of kube-state-metrics it knows those that change the series in use, so that the
// chart gives both programs the same arguments. All others are accepted and ignored.
type options struct {
	address   string
	folder    string
	resources []string
	series    []*regexp.Regexp
	allowed   allowed
}

func (o options) wants(resource string) bool {
	return len(o.resources) == 0 || slices.Contains(o.resources, resource)
}

func (o options) wantsSeries(name string) bool {
	return len(o.series) == 0 || slices.ContainsFunc(o.series, func(one *regexp.Regexp) bool { return one.MatchString(name) })
}

func readOptions(args []string) (options, error) {
	flags := map[string]string{
		"host": "",
		"port": "8080",
		// A flag of ours, for tests.
		"service-account":              "/var/run/secrets/kubernetes.io/serviceaccount",
		"resources":                    "",
		"metric-allowlist":             "",
		"metric-labels-allowlist":      "",
		"metric-annotations-allowlist": "",
	}
	readFlags(args, flags)
	series, err := readExpressions("metric-allowlist", flags)
	if err != nil {
		return options{}, err
	}
	labels, err := readAllowed("metric-labels-allowlist", flags)
	if err != nil {
		return options{}, err
	}
	annotations, err := readAllowed("metric-annotations-allowlist", flags)
	if err != nil {
		return options{}, err
	}
	return options{
		address:   net.JoinHostPort(flags["host"], flags["port"]),
		folder:    flags["service-account"],
		resources: fieldsOf(flags["resources"]),
		series:    series,
		allowed:   allowed{labels, annotations},
	}, nil
}

// readFlags sets the known flags: --name=value or --name value.
func readFlags(args []string, flags map[string]string) {
	for i, arg := range args {
		name, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if _, known := flags[name]; !known || !strings.HasPrefix(arg, "-") {
			continue
		}
		if !given && i+1 < len(args) {
			value = args[i+1]
		}
		flags[name] = value
	}
}

func fieldsOf(list string) []string {
	return strings.FieldsFunc(list, func(each rune) bool { return each == ',' })
}

func readExpressions(flag string, flags map[string]string) ([]*regexp.Regexp, error) {
	var found []*regexp.Regexp
	for _, field := range fieldsOf(flags[flag]) {
		expression, err := regexp.Compile(field)
		if err != nil {
			return nil, badInput{"--" + flag + ": " + err.Error(), "Write names or regular expressions, separated by commas."}
		}
		found = append(found, expression)
	}
	return found, nil
}

var allowedEntry = regexp.MustCompile(`^([a-z]+)=\[([^\[\]*]*)\](,|$)`)

// readAllowed reads services=[a,b],deployments=[c].
func readAllowed(flag string, flags map[string]string) (map[string][]string, error) {
	found := map[string][]string{}
	for rest := flags[flag]; rest != ""; {
		entry := allowedEntry.FindStringSubmatch(rest)
		if entry == nil {
			return nil, badInput{
				"--" + flag + " cannot be read at " + rest,
				"Write it like services=[app.kubernetes.io/name,shopctl.dev/pointer],deployments=[app], without *.",
			}
		}
		keys := strings.Split(entry[2], ",")
		// In the order of the names, as kube-state-metrics writes them.
		slices.Sort(keys)
		found[entry[1]] = keys
		rest = rest[len(entry[0]):]
	}
	return found, nil
}
