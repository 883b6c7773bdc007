// Asks crypto/x509 what dockerd would say: a case a line on standard input, an answer a line on standard output.
package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"time"
)

type request struct {
	Chain   [][]byte
	Anchors [][]byte
	Host    string
	At      int64
}

type answer struct {
	Error  string     `json:"error"`
	Chains [][]string `json:"chains"`
}

func judge(asked request) (said answer) {
	// Go 1.19 stumbles over keys that it does not know.
	defer func() {
		if recover() != nil {
			said = answer{Error: "panic"}
		}
	}()
	var chain []*x509.Certificate
	for _, der := range asked.Chain {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return answer{Error: "tls: failed to parse certificate from server: " + err.Error()}
		}
		chain = append(chain, certificate)
	}
	options := x509.VerifyOptions{
		Roots:         x509.NewCertPool(),
		Intermediates: x509.NewCertPool(),
		DNSName:       asked.Host,
		CurrentTime:   time.Unix(asked.At, 0).UTC(),
	}
	for _, der := range asked.Anchors {
		if certificate, err := x509.ParseCertificate(der); err == nil {
			options.Roots.AddCert(certificate)
		}
	}
	for _, certificate := range chain[1:] {
		options.Intermediates.AddCert(certificate)
	}
	chains, err := chain[0].Verify(options)
	if err != nil {
		return answer{Error: err.Error()}
	}
	var names [][]string
	for _, path := range chains {
		var one []string
		for _, certificate := range path {
			sum := sha256.Sum256(certificate.Raw)
			one = append(one, hex.EncodeToString(sum[:]))
		}
		names = append(names, one)
	}
	return answer{Chains: names}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for lines.Scan() {
		var asked request
		if err := json.NewDecoder(strings.NewReader(lines.Text())).Decode(&asked); err != nil {
			panic(err)
		}
		if err := out.Encode(judge(asked)); err != nil {
			panic(err)
		}
	}
}
