"""S3 for the tests: moto's server on a free port, with an empty bucket named "bucket".

moto looks whether an object is there and then writes it, and its metadata after that, on as many threads as there are
requests: of 300 names that eight took at once, 4 had more than one winner. So here the requests for one object are
served one after the other, what S3 itself promises: none of 300.

With `--forgetful` it does what many that claim to be S3 do: it takes no notice of If-None-Match.

It says `ready PORT`, and ends with its standard input.
"""

import logging
import sys
import threading
import urllib.request

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


class OneAtATime:
    """Serves the requests of one path one after the other."""

    def __init__(self, app, forgetful):
        self.app = app
        self.forgetful = forgetful
        self.guard = threading.Lock()
        self.locks = {}

    def __call__(self, environ, start_response):
        if self.forgetful:
            environ.pop("HTTP_IF_NONE_MATCH", None)
        with self.guard:
            lock = self.locks.setdefault(environ["PATH_INFO"], threading.Lock())
        with lock:
            return list(self.app(environ, start_response))


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, OneAtATime(moto, "--forgetful" in sys.argv), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    bucket = urllib.request.Request(f"http://127.0.0.1:{server.port}/bucket", method="PUT")
    urllib.request.urlopen(bucket).read()
    print("ready", server.port, flush=True)
    sys.stdin.read()


main()
