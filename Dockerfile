# One image for every node of a cluster. `docker build -t factstore .`; the data is in the volume /data.
ARG BASE_IMAGE=node:24-bookworm-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No script of any package runs: level's package holds its binary for this platform, so that no compiler is needed.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY proto proto
COPY src src
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="factstore" \
      org.opencontainers.image.description="A distributed event sourcing database" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
WORKDIR /app
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE ./
COPY proto proto
COPY deploy/health-check.mjs deploy/own-address.mjs deploy/pod.mjs deploy/pod-start.mjs deploy/pre-stop.mjs deploy/siblings.mjs \
    deploy/stateful-set.mjs ./
# A new volume takes over the owner of the directory that it covers.
RUN mkdir /data && chown 1000:1000 /data && ln -s /app/dist/main.js /usr/local/bin/factstore
USER 1000:1000
VOLUME /data
EXPOSE 2113 2114
ENV NODE_ENV=production \
    FACTSTORE_DATA=/data
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 CMD ["node", "/app/health-check.mjs"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve"]
