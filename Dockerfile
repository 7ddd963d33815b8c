FROM golang:1.26 AS build
WORKDIR /src
# The modules first: they change less often than the code, and this layer is then reused.
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY internal internal
ARG TARGETOS
ARG TARGETARCH
# What the operator says its version is; without it, that of the module.
ARG VERSION
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath \
  -ldflags="-s -w -X firebreak.dev/firebreak/internal/version.stamped=$VERSION" -o /manager ./cmd/manager

# No shell, no package manager, no root.
FROM gcr.io/distroless/static:nonroot
COPY --from=build /manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]
