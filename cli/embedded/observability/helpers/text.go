package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// family is a metric in Prometheus' text format: all of its series are together.
type family struct {
	name, help, kind string
	series           []byte
}

func gauge(name, help string) *family   { return &family{name: name, help: help, kind: "gauge"} }
func counter(name, help string) *family { return &family{name: name, help: help, kind: "counter"} }

var escape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// add appends a series. Labels are names and values in turn.
func (f *family) add(value float64, labels ...string) {
	f.series = append(f.series, f.name...)
	for i := 0; i+1 < len(labels); i += 2 {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		f.series = append(f.series, separator)
		f.series = append(f.series, labels[i]...)
		f.series = append(f.series, '=', '"')
		f.series = append(f.series, escape.Replace(labels[i+1])...)
		f.series = append(f.series, '"')
	}
	if len(labels) > 0 {
		f.series = append(f.series, '}')
	}
	f.series = append(f.series, ' ')
	f.series = strconv.AppendFloat(f.series, value, 'g', -1, 64)
	f.series = append(f.series, '\n')
}

// addStates appends a series for each state that there can be: 1 for the present one, 0 for the others.
func (f *family) addStates(label string, states []string, present string, labels ...string) {
	for _, state := range states {
		f.add(number(state == present), slices.Concat(labels, []string{label, state})...)
	}
}

func (f *family) appendTo(text []byte) []byte {
	text = append(text, "# HELP "+f.name+" "+f.help+"\n# TYPE "+f.name+" "+f.kind+"\n"...)
	return append(text, f.series...)
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

var (
	notInNames = regexp.MustCompile(`[^a-zA-Z0-9_]`)
	newWord    = regexp.MustCompile(`([a-z0-9])([A-Z])`)
)

// labelsOf returns the allowed ones of an object's labels or annotations, by the names that kube-state-metrics gives them.
func labelsOf(prefix string, all map[string]string, allowed []string) []string {
	var labels []string
	for _, key := range allowed {
		if value, found := all[key]; found {
			name := newWord.ReplaceAllString(notInNames.ReplaceAllString(key, "_"), "${1}_${2}")
			labels = append(labels, prefix+"_"+strings.ToLower(name), value)
		}
	}
	return labels
}
