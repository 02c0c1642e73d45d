"""An emulator of AWS on a free port of the loopback, with a state folder of its own."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

READY_SECONDS_MAX = 60
REGION = "us-east-1"
# The emulator's administrator. It enforces IAM, so functions get sessions of their roles and no more.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class Emulator:
    """MiniStack, from its start to its end."""

    def __init__(self, folder: pathlib.Path):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "emulator.log"
        state = folder / "state"
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir(parents=True)
        environment = {
            **CREDENTIALS,
            # Functions inherit it, and reach the emulator by its last line.
            "PATH": os.environ["PATH"],
            "TMPDIR": str(state),
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "STATE_DIR": str(state),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AWS_ENDPOINT_URL": self.url,
        }
        program = pathlib.Path(sys.executable).with_name("ministack")
        with self.log.open("wb") as log:
            # A session of its own, so that its end is also that of the functions that it runs.
            self.process = subprocess.Popen(
                [program], env=environment, cwd=state, stdout=log, stderr=log, start_new_session=True
            )
        self.wait()

    def wait(self):
        deadline = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                sys.exit(f"the emulator ended:\n{self.log.read_text()[-4000:]}")
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2) as answer:
                    json.load(answer)
                    return
            except (OSError, ValueError):
                time.sleep(0.2)
        sys.exit(f"the emulator did not answer within {READY_SECONDS_MAX} s")

    def stop(self):
        try:
            os.killpg(self.process.pid, 15)
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
