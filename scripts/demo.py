#!/usr/bin/env python3
"""Show asr-backend with a Label Studio of its own, until Ctrl-C: demo.py

Installs a pinned Label Studio (label-studio.sh), starts it and bin/asr-backend, makes a
project with the recordings of samples/, connects the two, and says where to click. All of
it stays in .cache/demo, so that the next start goes on from there; both programs listen
on this machine only. Ports: STUDIO_PORT (8080) and PORT (9090).
"""

import ctypes
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
STATE = ROOT / ".cache" / "demo"
ENVIRONMENT = ROOT / ".cache" / "label-studio"
TITLE = "Recordings to correct"
# Label Studio looks at the end of a name: Opus has to be called Ogg, as its container is.
SAMPLES = {"reading.ogg": "reading.opus", "sonnet.mp3": "sonnet.mp3", "address.mp3": "address.mp3"}
CONFIG = """<View>
  <Labels name="labels" toName="audio">
    <Label value="Speech"/>
    <Label value="Noise"/>
  </Labels>
  <Audio name="audio" value="$audio" decoder="ffmpeg"/>
  <TextArea name="transcription" toName="audio" perRegion="true" editable="true" rows="2" displayMode="region-list"/>
</View>"""


class Failed(Exception):
    """Something that the person who started this has to know."""


def say(*words):
    print(*words, flush=True)


class Program:
    """A program that runs beside this one and ends with it, even if this one is killed.
    Without a log it writes where this one does."""

    def __init__(self, name, command, log=None, **env):
        self.name, self.log = name, log
        parent = os.getpid()

        def follow():  # in the child, before it becomes the program
            os.setsid()  # Ctrl-C is for this script, which then stops them in order
            ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG
            if os.getppid() != parent:
                os._exit(1)

        out = open(log, "wb") if log else None
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out and subprocess.STDOUT,
                                        env={**environment(), **env}, cwd=ROOT, preexec_fn=follow)
        if out:
            out.close()

    def wait_for(self, url, seconds):
        """Wait until an address answers with 200."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with status {self.process.returncode}; its last words:\n{self.tail()}")
            try:
                with urllib.request.urlopen(url, timeout=5):
                    return
            except OSError:
                time.sleep(0.3)
        raise Failed(f"{self.name} did not answer at {url} within {seconds} s; its log is {self.log}")

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])

    def stop(self, seconds):
        """End the program and all that it started."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def environment():
    """This process's environment without what would change Label Studio or the backend."""
    drop = ("LABEL_STUDIO_", "HEARTEX_", "DJANGO_", "BASIC_AUTH_", "ML_", "SSRF_")
    return {k: v for k, v in os.environ.items() if not k.startswith(drop) and k not in ("HOST", "PORT", "USERNAME", "PASSWORD")}


class Studio:
    """Label Studio's API, as much of it as is needed."""

    def __init__(self, url, token):
        self.url, self.token = url, token

    def call(self, method, path, body=None, kind="application/json"):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, body, {"Authorization": "Token " + self.token, "Content-Type": kind}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as e:
            raise Failed(f"Label Studio: {method} {path}: {e.code} {e.read().decode(errors='replace')[:500]}") from None

    def upload(self, project, name, content):
        """Upload a recording; Label Studio makes a task of it."""
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: audio/{name.rpartition(".")[2]}\r\n\r\n'
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        self.call("POST", f"/api/projects/{project}/import", body, f"multipart/form-data; boundary={boundary}")


def account():
    """The user of this Label Studio: made once, kept from others."""
    file = STATE / "account.json"
    if not file.exists():
        made = {"email": "demo@example.org", "password": secrets.token_urlsafe(9), "token": secrets.token_hex(20)}
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as f:
            json.dump(made, f)
    return json.loads(file.read_text())


def port(variable, default):
    """A port, which nobody may listen on."""
    try:
        number = int(os.environ.get(variable) or default)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", number))
    except (ValueError, OverflowError):
        raise Failed(f"{variable} is no port: {os.environ[variable]}") from None
    except OSError as e:
        raise Failed(f"port {number} cannot be used ({e.strerror}); choose another: make demo {variable}={number + 1}") from None
    return number


def project(studio, backend):
    """The project with its recordings, connected: made where it is missing."""
    known = [p for p in studio.call("GET", "/api/projects/?page_size=100")["results"] if p["title"] == TITLE]
    if known:
        number = known[0]["id"]
    else:
        number = studio.call("POST", "/api/projects/", {"title": TITLE, "label_config": CONFIG})["id"]
    connected = studio.call("GET", f"/api/ml?project={number}")
    if not any(b["url"].rstrip("/") == backend for b in connected):
        for old in connected:  # of another port; only the first one is asked
            studio.call("DELETE", f"/api/ml/{old['id']}")
        studio.call("POST", "/api/ml/", {"project": number, "url": backend, "title": "asr-backend", "is_interactive": True})
    if not studio.call("GET", f"/api/tasks/?project={number}&page_size=1")["tasks"]:
        for name, sample in SAMPLES.items():
            studio.upload(number, name, (ROOT / "samples" / sample).read_bytes())
    return number


def transcribed(studio, number, seconds):
    """Wait until every task has a prediction, or for so long, and return how many have."""
    end = time.monotonic() + seconds
    while True:
        tasks = studio.call("GET", f"/api/tasks/?project={number}&page_size=100")["tasks"]
        have = sum(t["total_predictions"] > 0 for t in tasks)
        if have == len(tasks) or time.monotonic() > end:
            return have, len(tasks)
        time.sleep(1)


def show(running):
    studio_port, backend_port = port("STUDIO_PORT", 8080), port("PORT", 9090)
    running.append(Program("label-studio.sh", [ROOT / "scripts" / "label-studio.sh", ENVIRONMENT]))
    if running[0].process.wait() != 0:
        raise Failed("Label Studio could not be installed")
    running.clear()
    STATE.mkdir(parents=True, exist_ok=True)
    who = account()
    url, backend = f"http://localhost:{studio_port}", f"http://localhost:{backend_port}"

    say("starting Label Studio; the first time takes a minute")
    data = STATE / "label-studio"
    running.append(Program(
        "Label Studio", [ENVIRONMENT / "bin" / "label-studio", "start", "--no-browser", "--internal-host", "127.0.0.1",
                         "--port", str(studio_port), "--data-dir", data], STATE / "label-studio.log",
        LABEL_STUDIO_USERNAME=who["email"], LABEL_STUDIO_PASSWORD=who["password"], LABEL_STUDIO_USER_TOKEN=who["token"],
        LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN="true", LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK="true",
        # Both: Label Studio refuses backends and webhooks on this machine otherwise.
        ML_BLOCK_LOCAL_IP="false", SSRF_PROTECTION_ENABLED="false",
        # It asks nobody but this machine.
        COLLECT_ANALYTICS="false", LATEST_VERSION_CHECK="false", SENTRY_DSN="", FRONTEND_SENTRY_DSN="",
        PYTHONUNBUFFERED="1"))
    say("starting asr-backend")
    running.append(Program(
        "asr-backend", [ROOT / "bin" / "asr-backend", "serve"], STATE / "asr-backend.log",
        ASR_BACKEND_HOST="127.0.0.1", ASR_BACKEND_PORT=str(backend_port), ASR_BACKEND_DATA_DIR=str(STATE / "asr-backend"),
        LABEL_STUDIO_URL=url, LABEL_STUDIO_API_KEY=who["token"]))
    running[1].wait_for(backend + "/health", 30)
    running[0].wait_for(url + "/health", 300)
    studio = Studio(url, who["token"])
    number = project(studio, backend)
    say("waiting for the transcripts")
    have, tasks = transcribed(studio, number, 120)
    say(f"""
{have} of {tasks} recordings have a transcript. Now, in a browser:

  1. {url}/projects/{number}/data
     user {who["email"]}, password {who["password"]}
  2. Click a task: its regions and their text are there. Correct one, and Submit.
  3. Settings, Model: that is how it is connected.
  4. {backend}/status: what asr-backend does, and how many words were wrong.

Your own recordings: Import, in the project. The model inside the program is a small one,
for trying out: it knows the first voice and makes many errors on others. doc/models.md has better
ones. Logs are in {STATE.relative_to(ROOT)}. Ctrl-C stops everything.""")
    while True:
        for p in running:
            if p.process.poll() is not None:
                raise Failed(f"{p.name} ended with status {p.process.returncode}; its last words:\n{p.tail()}")
        time.sleep(0.5)


def main():
    def leave(*_):
        raise KeyboardInterrupt

    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, leave)
    running, status = [], 0
    try:
        show(running)
    except KeyboardInterrupt:
        say("\nstopping")
    except Failed as e:
        print(f"demo: {e}", file=sys.stderr, flush=True)
        status = 1
    finally:
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(s, signal.SIG_IGN)  # it is being done
        for p in reversed(running):  # the backend first: it gives its work back
            p.stop(12)
    sys.exit(status)


if __name__ == "__main__":
    main()
