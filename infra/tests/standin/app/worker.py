"""Takes the place of a worker: there until it is told to end."""

import signal

if __name__ == "__main__":
    signal.sigwait({signal.SIGTERM})
