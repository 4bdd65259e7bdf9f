"""localstripe as the tests start it: on the loopback alone, and without its file on the disk, which would hold card numbers."""

import sys

from aiohttp import web
from localstripe import resources, server

resources.Store.dump_to_disk = lambda store: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
