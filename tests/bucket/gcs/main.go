// Google Cloud Storage for the tests: fake-gcs-server on a free port, with an empty bucket named "bucket".
//
// fake-gcs-server reads and lists in Google's XML protocol, but writes in the JSON one only, with its preconditions
// judged under the lock that the write is made under. So what is put in XML is put in JSON here, headers and all, and
// answered with the ETag that XML has. With --forgetful it takes no notice of preconditions, as fake-gcs-server itself
// takes none of XML's.
//
// It says "ready PORT", and ends with its standard input.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

type translator struct {
	server    *fakestorage.Server
	host      string
	forgetful bool
}

func (t *translator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// It answers to one name; a proxy before it has another.
	r.Host = t.host
	if r.Method == http.MethodPut {
		bucket, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		query := url.Values{"uploadType": {"media"}, "name": {name}}
		if match := r.Header.Get("x-goog-if-generation-match"); match != "" && !t.forgetful {
			query.Set("ifGenerationMatch", match)
		}
		r.Method = http.MethodPost
		r.URL = &url.URL{Path: "/upload/storage/v1/b/" + bucket + "/o", RawQuery: query.Encode()}
		w.Header().Set("ETag", `"any"`)
	}
	t.server.HTTPHandler().ServeHTTP(w, r)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		NoListener: true,
		PublicHost: listener.Addr().String(),
	})
	if err != nil {
		panic(err)
	}
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "bucket"})
	forgetful := len(os.Args) > 1 && os.Args[1] == "--forgetful"
	go http.Serve(listener, &translator{server, listener.Addr().String(), forgetful})
	fmt.Println("ready", listener.Addr().(*net.TCPAddr).Port)
	io.Copy(io.Discard, os.Stdin)
}
