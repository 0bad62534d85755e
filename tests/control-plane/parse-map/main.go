// Command parse-map reads texts of mapRoles as aws-iam-authenticator does, with its own parser.
//
// Each line of standard input is a JSON string: one text. Each line of standard output is the result for it, as a JSON object:
//
//	{"read":true,"roles":[{"rolearn":"arn:…","username":"…","groups":["…"]}]}
//	{"read":false,"error":"yaml: line 2: …"}
//
// read is false if the authenticator drops the whole list. roles has the entries that it keeps, in their order. error has its
// words about what it drops: the list, or single entries and values.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/sirupsen/logrus"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/aws-iam-authenticator/pkg/config"
	"sigs.k8s.io/aws-iam-authenticator/pkg/mapper/configmap"
)

// result is a line of the output.
type result struct {
	Read  bool                 `json:"read"`
	Roles []config.RoleMapping `json:"roles,omitempty"`
	Error string               `json:"error,omitempty"`
}

func main() {
	// The parser logs what it also returns.
	logrus.SetOutput(io.Discard)
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "parse-map:", err)
		os.Exit(1)
	}
}

// run writes a result for each text of in. It flushes a result when no further text has arrived, so that a caller can wait for
// the result of one text.
func run(in io.Reader, out io.Writer) error {
	reader := bufio.NewReaderSize(in, 1<<20)
	writer := bufio.NewWriter(out)
	for {
		line, err := reader.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return writer.Flush()
		}
		if err != nil {
			return err
		}
		var text string
		if err := json.Unmarshal(line, &text); err != nil {
			return err
		}
		encoded, err := json.Marshal(parse(text))
		if err != nil {
			return err
		}
		if _, err := writer.Write(append(encoded, '\n')); err != nil {
			return err
		}
		if reader.Buffered() == 0 {
			if err := writer.Flush(); err != nil {
				return err
			}
		}
	}
}

func parse(text string) (parsed result) {
	_, roles, _, err := configmap.ParseMap(map[string]string{"mapRoles": text})
	parsed = result{Read: err == nil || len(roles) > 0 || isList(text), Roles: roles}
	if err != nil {
		parsed.Error = err.Error()
	}
	return parsed
}

// isList returns whether the list as a whole is read. The parser's own result does not show that: it has an error too if one
// entry is dropped, and no entries if all of them are.
func isList(text string) bool {
	converted, err := yaml.ToJSON([]byte(text))
	if err != nil {
		return false
	}
	var entries []json.RawMessage
	return json.Unmarshal(converted, &entries) == nil
}
