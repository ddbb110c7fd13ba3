package flinkmesos

import (
	"path"
	"regexp"
	"strings"
)

// assignment is a word of a shell command that sets a variable.
var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)

// command reads the app's command line: variables that it sets, the start script, and the options that it gives.
func (m *importer) command(field, line string) {
	started := false
	for _, words := range simpleCommands(line) {
		for len(words) > 0 && (words[0] == "exec" || words[0] == "export" || words[0] == "env") {
			words = words[1:]
		}
		for len(words) > 0 && assignment.MatchString(words[0]) {
			name, value, _ := strings.Cut(words[0], "=")
			m.variable(field+" "+name, name, value)
			words = words[1:]
		}
		switch {
		case len(words) == 0:
		case strings.HasPrefix(path.Base(words[0]), "mesos-appmaster"), path.Base(words[0]) == "mesos-jobmanager.sh":
			started = true
			m.script(field, words)
		case words[0] == "cd":
			m.line(field+" cd", Obsolete, "", "the service starts Flink in the task's sandbox")
		default:
			m.line(field+" "+words[0], Refused, "", "a command before Flink is not taken over: if it is needed still, write it into bootstrap")
		}
	}
	if !started {
		m.line(field, Refused, "", "does not start mesos-appmaster.sh: is it the app of flink-mesos?")
	}
}

// script reads the arguments of the start script. Dynamic properties are options like those of the file, and stronger.
func (m *importer) script(field string, words []string) {
	if path.Base(words[0]) == "mesos-appmaster-job.sh" {
		m.line(field+" mesos-appmaster-job.sh", Refused, "",
			"today's Flink cannot read the job graph of the old one: build the program for it, and make this a cluster of kind application with job.jarURI")
	} else {
		m.line(field+" "+path.Base(words[0]), Translated, "kind", "is a session cluster")
	}
	for i := 1; i < len(words); i++ {
		word := words[i]
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch {
		case word == "-D" && next != "":
			m.dynamic(field, next)
			i++
		case strings.HasPrefix(word, "-D") && len(word) > 2:
			m.dynamic(field, word[2:])
		case word == "--configDir" || word == "-c":
			m.line(field+" "+word, Obsolete, "", "the service writes the configuration into each sandbox")
			i++
		case strings.HasPrefix(word, "|"):
			m.line(field+" |", Obsolete, "", "what Flink writes is in the sandbox: stdout, stderr and log")
			return
		case strings.ContainsAny(word, "<>|&"):
			m.line(field+" "+word, Obsolete, "", "what Flink writes is in the sandbox: stdout, stderr and log")
		default:
			m.line(field+" "+word, Refused, "", "is no argument that is taken over")
		}
	}
}

func (m *importer) dynamic(field, property string) {
	key, value, ok := strings.Cut(property, "=")
	if key = strings.TrimSpace(key); !ok || key == "" {
		m.line(field+" -D"+key, Refused, "", "is not -Dkey=value")
		return
	}
	value, known := m.expand(value)
	m.add(appFile, key, value)
	if known {
		return
	}
	// Addresses and ports of the task stand in such options, and the service sets these itself.
	if e := m.entries[len(m.entries)-1]; !setByService(key) {
		e.set(Refused, "", "has a variable of the shell that the app does not set: write its value")
	}
}

// variables are those of a shell's text.
var variables = regexp.MustCompile(`\$(\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_][A-Za-z0-9_]*)`)

// expand puts in what the app sets. It is not known when something is missing.
func (m *importer) expand(value string) (_ string, known bool) {
	known = true
	value = variables.ReplaceAllStringFunc(value, func(v string) string {
		text, ok := m.inEnv[strings.Trim(v, "${}")]
		if !ok {
			known = false
			return v
		}
		return text
	})
	return value, known && !strings.Contains(value, "$(") && !strings.Contains(value, "`")
}

// simpleCommands cuts a line of shell into the commands that follow each other, and these into words. It knows quotes,
// backslashes, && and ; and line breaks, which is what such lines are made of; a $ stays, except that single quotes and
// backslashes take its meaning.
func simpleCommands(line string) [][]string {
	var (
		commands [][]string
		words    []string
		word     strings.Builder
		inWord   bool
		quote    byte
	)
	endWord := func() {
		if inWord {
			words = append(words, word.String())
		}
		word.Reset()
		inWord = false
	}
	endCommand := func() {
		endWord()
		if len(words) > 0 {
			commands = append(commands, words)
		}
		words = nil
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			if line[i] != '\n' {
				word.WriteByte(line[i])
				inWord = true
			}
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, inWord = c, true
		case c == ' ' || c == '\t':
			endWord()
		case c == ';' || c == '\n' || c == '&' && i+1 < len(line) && line[i+1] == '&':
			if c == '&' {
				i++
			}
			endCommand()
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	endCommand()
	return commands
}
