# SPDX-License-Identifier: ISC
"""Runs the Node tests of this folder with the venv's Node.
usage: run.py RESULT.xml"""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
NODE = pathlib.Path(sys.executable).parent / "node"


def main():
    tests = sorted(HERE.glob("*.test.mjs"))
    argv = [str(NODE), "--test", "--test-concurrency=1",
            "--test-timeout=60000", "--test-reporter=junit",
            f"--test-reporter-destination={sys.argv[1]}",
            "--test-reporter=spec", "--test-reporter-destination=stdout",
            *map(str, tests)]
    return subprocess.run(argv, cwd=HERE, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
