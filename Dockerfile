# One image for the mainframe, the worker and the command line.
#   docker build -t vorta .
#   docker run --rm vorta vorta-cli version
FROM node:24-bookworm-slim AS packages
WORKDIR /vorta
COPY package.json package-lock.json .npmrc ./
COPY core/package.json core/
COPY api/package.json api/
COPY attestation/package.json attestation/
COPY attestation-service/package.json attestation-service/
COPY zkp/package.json zkp/
COPY receipt/package.json receipt/
COPY enclave/package.json enclave/
COPY worker/package.json worker/
COPY mainframe/package.json mainframe/
COPY cli/package.json cli/
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-bookworm-slim
WORKDIR /vorta
COPY --from=packages /vorta/node_modules node_modules
COPY . .
ENV PATH=/vorta/bin:$PATH
# State belongs in a volume.
VOLUME /vorta/data
USER node
EXPOSE 7070
CMD ["vorta-mainframe", "--config", "config/mainframe.yaml"]
