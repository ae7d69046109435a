"""The course's own Jupyter server. Only the server imports this file, so `import cowlab` needs no Jupyter."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from jupyter_server.serverapp import ServerApp
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

from .stop_signals import stop_signals


class PromptConnection(ZMQChannelsWebsocketConnection):
    """A kernel's websocket that sends each message at once.

    A reply of a widget is two small messages. Without TCP_NODELAY the second waits until the browser has
    acknowledged the first: 40 ms, felt at every click.
    """

    def connect(self) -> Any:
        """Connect as Jupyter does, on a socket that does not wait."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()


class CourseServer(ServerApp):
    """A Jupyter server that ends when it is told to, and whose browser page other users cannot read."""

    def init_signal(self) -> None:
        """Let Ctrl-C and a closed terminal do what SIGTERM does: no question, kernels shut down."""
        super().init_signal()
        for number in stop_signals():
            signal.signal(number, self._signal_stop)

    def write_browser_open_file(self) -> None:
        """Write the page that takes the browser to the course, with the token, for its owner only."""
        # A browser packaged as a snap reads neither /tmp nor hidden folders at home, but it does read this.
        self.browser_open_file = os.path.join(self.root_dir, f".cowlab-{os.getpid()}-open.html")
        Path(self.browser_open_file).touch(mode=0o600)
        super().write_browser_open_file()
