# The worker (the default target) and, with --target memory-api, the Memory API.
#   docker build -t memory-worker .
#   docker run -e SERVICEBUS_FULLY_QUALIFIED_NAMESPACE=... -e AZURE_AI_CHAT_ENDPOINT=... -e REDIS_HOST=... \
#     -e MEMORY_API_ENDPOINT=... memory-worker
# Runs as a numeric user, needs no shell, no writable root and no capability. A configuration file may be mounted at
# /etc/memory-worker/memory-worker.conf. tests/container/run executes these steps.
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY deploy/local deploy/local
RUN deploy/local/setup build
COPY . .
RUN deploy/local/compile release memory-worker memory-api \
    && install -Ds -t /out build/release/bin/memory-worker build/release/bin/memory-api \
    && mkdir /out/data

FROM debian:bookworm-slim AS runtime
WORKDIR /etc/memory-worker
COPY deploy/local/setup deploy/local/packages /usr/local/share/memory-worker/
RUN /usr/local/share/memory-worker/setup runtime \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log
USER 10001:10001
STOPSIGNAL SIGTERM

FROM runtime AS memory-api
COPY --from=build /out/memory-api /usr/local/bin/
COPY --from=build --chown=10001:10001 /out/data /data
VOLUME ["/data"]
EXPOSE 8003
ENTRYPOINT ["memory-api", "--bind", "0.0.0.0", "--data", "/data/memory.db"]

FROM runtime AS memory-worker
COPY --from=build /out/memory-worker /usr/local/bin/
ENV MEMORY_WORKER_ADMIN_BIND=0.0.0.0
EXPOSE 9464
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ["memory-worker", "health"]
ENTRYPOINT ["memory-worker"]
CMD ["run"]
