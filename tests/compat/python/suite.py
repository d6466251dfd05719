"""How a suite runs: check by check; every outcome is a line of JSON for `run.js`."""

import asyncio
import inspect
import json
import os
import sys
import time
import traceback

RPC = os.environ["TANDEM_RPC"]
WS = RPC.replace("http://", "ws://").rstrip("/")
KEY = os.environ["TANDEM_KEY"]
CHAIN_ID = int(os.environ["TANDEM_CHAIN_ID"])


def check(suite, what):
    """Runs the function that it decorates, and tells what came of it. What follows from a failed check fails by itself."""

    def run(body):
        begun = time.time()
        outcome = {"suite": suite, "check": what, "passed": True}
        try:
            result = body()
            if inspect.iscoroutine(result):
                result = asyncio.run(result)
        except Exception as error:  # noqa: BLE001: whatever fails, the check failed
            where = "".join(traceback.format_exception(error)[-3:])
            outcome |= {"passed": False, "error": f"{error!r}\n{where}"[:2000], "said": []}
            result = None
        outcome["ms"] = int(1000 * (time.time() - begun))
        print(json.dumps(outcome), flush=True)
        return result

    return run


def artifact(name):
    """`(abi, bytecode)` of a contract of `contracts/Probe.sol`."""
    import pathlib
    import subprocess

    folder = pathlib.Path(__file__).parent.parent
    script = f'process.stdout.write(JSON.stringify(require("./harness/solidity").artifact({json.dumps(name)})))'
    found = json.loads(subprocess.check_output(["node", "-e", script], cwd=folder))
    return found["abi"], found["bytecode"]


if sys.version_info < (3, 10):
    raise SystemExit("Python 3.10 or later is needed")
