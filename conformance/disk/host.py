"""A program that opens a volume with libcryptsetup and has its own signal handlers: a host of the token plugin.

`host.py IMAGE MANNER` opens the volume in a file ten times with any token, prints the results as a line of JSON, and exits
at the end of its standard input. The tests of this folder run it on a machine with the plugin.
"""

import ctypes
import json
import os
import signal
import sys
import threading
from contextlib import suppress

CRYPT_ANY_TOKEN = -1


def main(image, manner):
    MANNERS[manner]()
    # ctypes loads libcryptsetup so that its symbols are visible only to the libraries that need it.
    library = ctypes.CDLL("libcryptsetup.so.12")
    logged = []
    log = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(
        lambda level, message, _: logged.append([level, message.decode()])
    )
    library.crypt_set_log_callback(None, log, None)
    signals = state()["signals"]
    opened = [open_volume(library, image)]
    before = state() | {"signals": signals}  # libraries that are loaded lazily may keep descriptors, but must not change signals
    opened += [open_volume(library, image) for _ in range(9)]
    after = state()
    print(json.dumps({"opened": opened, "logged": logged, "before": before, "after": after}), flush=True)
    sys.stdin.read()


def open_volume(library, image):
    """Returns the key slot that a token opens, or a negative error number."""
    cd = ctypes.c_void_p()
    assert library.crypt_init(ctypes.byref(cd), image.encode()) == 0
    assert library.crypt_load(cd, b"LUKS2", None) == 0
    slot = library.crypt_activate_by_token(cd, None, CRYPT_ANY_TOKEN, None, 0)
    library.crypt_free(cd)
    return slot


def state():
    """Returns signals, descriptors, directory, environment and children of this process."""
    with open("/proc/thread-self/status") as status:
        signals = [line.split() for line in status if line.startswith(("SigBlk", "SigIgn", "SigCgt", "Umask"))]
    descriptors = {end: os.readlink(f"/proc/self/fd/{end}") for end in ends()}
    with open("/proc/thread-self/children") as file:
        children = file.read()
    return {
        "signals": signals,
        "descriptors": descriptors,
        "directory": os.getcwd(),
        "environment": dict(os.environ),
        "children": children,
    }


def ends():
    """Yields the open descriptors, without the one that lists them."""
    for end in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            os.readlink(f"/proc/self/fd/{end}")
            yield end


def ignore_children():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def reap_children():
    def reap():
        while True:
            with suppress(ChildProcessError):
                os.waitpid(-1, 0)

    threading.Thread(target=reap, daemon=True).start()


def catch_children():
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.siginterrupt(signal.SIGCHLD, True)


def block_signals():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def die_of_pipes():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def die_of_nothing():
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with suppress(OSError):
            signal.signal(number, signal.SIG_IGN)


MANNERS = {
    "plain": lambda: None,
    "ignores SIGCHLD": ignore_children,
    "reaps every child": reap_children,
    "catches SIGCHLD": catch_children,
    "blocks every signal": block_signals,
    "ignores every signal": die_of_nothing,
    "dies of SIGPIPE": die_of_pipes,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
