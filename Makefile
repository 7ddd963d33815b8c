SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The image that `image` builds and `deploy` installs.
IMG ?= firebreak-controller:latest
# The version that programs say they are; without git, that of the module.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
# Without symbols, which nobody debugs a static program with.
LDFLAGS = -s -w -X firebreak.dev/firebreak/internal/version.stamped=$(VERSION)
# What the archives of the kubectl plugin are built for, and where people find them.
PLUGIN_PLATFORMS = darwin_amd64 darwin_arm64 linux_amd64 linux_arm64 windows_amd64 windows_arm64
HOMEPAGE ?= https://firebreak.dev/firebreak
DOWNLOADS ?= $(HOMEPAGE)/releases/download/$(VERSION)
# How long `fuzz` spends on each fuzz target.
FUZZTIME ?= 30s
# How long `soak` lets things go wrong.
SOAK ?= 15m
# The kubectl that install and deploy use. It talks to whatever cluster your kubeconfig points at.
KUBECTL ?= kubectl
# Set when PACKETS asks for something.
SHOW_PACKETS = $(filter-out 0,$(PACKETS))

# The network plugin of the data plane's tests, where they can run.
ENFORCER = $(and $(filter Linux,$(shell uname -s)),$(filter 0,$(shell id -u)),bin/kube-network-policies)

# TEST_MODULES are those with tests, which "./..." does not reach.
TEST_MODULES = test/witness .ci/krew .ci/workflows
GO_MODULES = $(patsubst %/go.mod,%,$(patsubst go.mod,./go.mod,$(shell git ls-files '*go.mod')))

##@ Use

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## See Firebreak at work on a control plane of its own; KEEP=1 leaves it running, PACKETS=1 shows real packets (root)
	@echo 'Compiling the demo; the first time, this takes a minute or two' >&2
	@go build -o bin/demo ./test/demo
	@# Before minutes are spent on what it needs.
	@bin/demo check
	@test/controlplane/install.sh etcd kube-apiserver kubectl $(if $(SHOW_PACKETS),kube-controller-manager kube-proxy) >/dev/null
	@$(if $(SHOW_PACKETS),$(MAKE) --no-print-directory bin/kube-network-policies)
	@exec bin/demo

##@ Test

.PHONY: test
test: controlplane bin/promtool bin/helm bin/diagrams $(ENFORCER) ## Run every test, with the race detector
	@go run ./test/run ./... $(TEST_MODULES:%=./%/...)

.PHONY: test-unit
test-unit: ## Run the tests that need nothing but Go
	@go run ./test/run -plain ./... $(TEST_MODULES:%=./%/...)

.PHONY: test-witness
test-witness: ## Hold the evaluator against the engine of kube-network-policies
	@go run ./test/run ./test/witness/...

.PHONY: test-crd
test-crd: controlplane ## Run the tests of the CRDs' schema and rules
	@go run ./test/run ./test/crd/...

.PHONY: test-controllers
test-controllers: controlplane ## Run the tests of the controllers
	@go run ./test/run ./controllers/...

.PHONY: test-integration
test-integration: controlplane ## Run the tests of the operator's binary with its shipped configuration
	@go run ./test/run ./test/harness/... ./test/integration/...

.PHONY: test-dataplane
test-dataplane: controlplane $(ENFORCER) ## Hold what profiles say against packets; needs root, iproute2, iptables, nftables
	@go run ./test/run ./test/dataplane/...

.PHONY: soak
soak: controlplane ## Let things go wrong for SOAK (15m) and more, and print what came of it; SEED=N does it again
	@go run ./test/soak -for=$(SOAK) $(if $(SEED),-seed=$(SEED))

.PHONY: bench
bench: controlplane ## Measure cost and scale for docs/performance.md, which takes hours; ONLY=drift,... some of it
	@go run ./test/bench -write $(if $(ONLY),-only=$(ONLY))

.PHONY: bench-check
bench-check: controlplane ## Measure cost and scale, and fail where a target is missed; ONLY=drift,... some of it
	@go run ./test/bench -check $(if $(ONLY),-only=$(ONLY))

.PHONY: fuzz
fuzz: ## Fuzz each fuzz target for FUZZTIME (30s)
	@FUZZTIME="$(FUZZTIME)" .ci/fuzz

.PHONY: vulncheck
vulncheck: bin/govulncheck ## Look for known vulnerabilities in what is built; VULNDB=file:///... names a copy of the database
	@VULNDB="$(VULNDB)" .ci/vulncheck

.PHONY: reproducible
reproducible: ## Build the checked out commit twice, in different places, and compare the programs
	@.ci/reproducible

.PHONY: golden
golden: ## Write the golden files anew; look at the difference before you commit it
	go test ./internal/compiler/... ./internal/analyzer/... ./internal/importer/... ./internal/render/... ./internal/cli/... -update
	go run ./cmd/kubectl-firebreak map -f config/samples/three-tier.yaml -o svg >docs/three-tier.svg

##@ Develop

.PHONY: verify
verify: verify-generated verify-modules verify-code ## Check that what is generated is current, and lint

.PHONY: verify-generated
verify-generated: generate
	@changed=$$(git status --porcelain); \
	if [ -n "$$changed" ]; then \
	  git --no-pager diff; \
	  echo "$$changed"; \
	  echo 'Differences or untracked files: run "make generate" and commit everything.'; \
	  exit 1; \
	fi

.PHONY: verify-modules
verify-modules:
	@for module in $(GO_MODULES); do \
	  echo "go mod tidy -diff in $$module"; \
	  (cd "$$module" && go mod tidy -diff); \
	done

.PHONY: verify-code
verify-code: lint
	@unformatted=$$(git ls-files -z '*.go' | xargs -0 gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "Not formatted, run \"make fmt\":"; echo "$$unformatted"; exit 1; fi
	@for module in . $(TEST_MODULES); do echo "go vet in $$module"; (cd "$$module" && go vet ./...); done

.PHONY: generate
generate: bin/crd-ref-docs ## Generate deepcopy code, CRDs, the API reference and the chart's copies
	go tool controller-gen object paths=./api/...
	go tool controller-gen crd paths=./api/... output:crd:dir=config/crd/bases
	@# Copies: a chart can read its own files only, and not every tool that installs charts follows symbolic links.
	@rm -rf config/chart/files && mkdir -p $(addprefix config/chart/files/,crd rbac prometheus)
	cp config/crd/bases/*.yaml config/chart/files/crd
	cp $(filter-out %/kustomization.yaml %/service_account.yaml,$(wildcard config/rbac/*.yaml)) config/chart/files/rbac
	cp $(filter-out %/kustomization.yaml,$(wildcard config/prometheus/*)) config/chart/files/prometheus
	@mkdir -p docs
	bin/crd-ref-docs --config=.ci/docs/config.yaml --templates-dir=.ci/docs/templates --log-level=ERROR \
	  --source-path=api --renderer=markdown --output-path=docs/api-reference.md

.PHONY: lint
lint: bin/golangci-lint ## Run the linters
	@for module in . $(TEST_MODULES); do \
	  echo "golangci-lint run in $$module"; \
	  (cd "$$module" && "$(CURDIR)/bin/golangci-lint" run ./...); \
	done

.PHONY: fmt
fmt: bin/golangci-lint ## Format the code
	bin/golangci-lint fmt ./...

.PHONY: tidy
tidy: ## Tidy every go.mod
	@for module in $(GO_MODULES); do (cd "$$module" && go mod tidy); done

.PHONY: controlplane
controlplane: ## Install the control plane of the tests into bin/k8s; minutes the first time, then nothing
	@test/controlplane/install.sh >/dev/null

# The tools are modules of their own, so that their dependencies are not Firebreak's.
bin/golangci-lint: .ci/lint/go.mod .ci/lint/go.sum
	@echo "building golangci-lint, which takes minutes the first time"
	@mkdir -p bin
	@cd .ci/lint && go build -buildvcs=false -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

# Without the clients of the clouds in which Prometheus can look for targets, which are most of it.
bin/promtool: .ci/promtool/go.mod .ci/promtool/go.sum
	@echo "building promtool, which takes minutes the first time"
	@mkdir -p bin
	@cd .ci/promtool && go build -buildvcs=false -tags=remove_all_sd -o ../../$@ github.com/prometheus/prometheus/cmd/promtool
	@touch $@

# Helm takes the version of Kubernetes that it assumes from the linker, as its own Makefile does.
bin/helm: .ci/helm/go.mod .ci/helm/go.sum
	@echo "building helm, which takes a minute or two the first time"
	@mkdir -p bin
	@cd .ci/helm && minor=$$(go list -m -f '{{.Version}}' k8s.io/client-go | cut -d. -f2) && \
	CGO_ENABLED=0 go build -buildvcs=false -o ../../$@ \
	  -ldflags "-s -w $$(printf -- '-X helm.sh/helm/v3/pkg/%s ' {chartutil,lint/rules}.k8sVersion{Major=1,Minor=$$minor})" \
	  helm.sh/helm/v3/cmd/helm
	@touch $@

# The network plugin of the data plane's tests.
bin/kube-network-policies: test/dataplane/enforcer/go.mod test/dataplane/enforcer/go.sum
	@echo "building kube-network-policies, which takes minutes the first time"
	@mkdir -p bin
	@cd test/dataplane/enforcer && CGO_ENABLED=0 go build -buildvcs=false -ldflags "-s -w" -o ../../../$@ \
	  sigs.k8s.io/kube-network-policies/cmd/kube-network-policies/standard
	@touch $@

# What reads Mermaid and DOT. It is written in JavaScript; without Node.js, the test that uses it says that it was skipped.
bin/diagrams: .ci/diagrams/package.json .ci/diagrams/package-lock.json .ci/diagrams/check.js
	@if command -v npm >/dev/null; then \
	  echo "installing the parsers of diagrams"; \
	  mkdir -p $@ && cp $^ $@ && npm ci --prefix $@ --ignore-scripts --no-audit --no-fund --loglevel=error && touch $@; \
	elif [ "$${CI:-}" = true ]; then echo "Node.js and npm are needed"; exit 1; \
	else echo "no npm: pictures are not held against the parsers of Mermaid and Graphviz"; fi

bin/govulncheck: .ci/vuln/go.mod .ci/vuln/go.sum
	@mkdir -p bin
	@cd .ci/vuln && go build -buildvcs=false -o ../../$@ golang.org/x/vuln/cmd/govulncheck
	@touch $@

bin/crd-ref-docs: .ci/docs/go.mod .ci/docs/go.sum
	@mkdir -p bin
	@cd .ci/docs && go build -buildvcs=false -o ../../$@ github.com/elastic/crd-ref-docs
	@touch $@

##@ Build and install

.PHONY: build
build: ## Build the operator and the kubectl plugin into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags="$(LDFLAGS)" -o bin/ ./cmd/manager ./cmd/kubectl-firebreak

.PHONY: plugin-archives
plugin-archives: ## Cross-compile the kubectl plugin and pack it for krew into bin/dist/; needs VERSION=v0.1.0
	@case "$(VERSION)" in v[0-9]*.[0-9]*.[0-9]*) ;; *) echo "Give a version: make plugin-archives VERSION=v0.1.0" >&2; exit 2 ;; esac
	@rm -rf bin/dist bin/plugin-platforms && mkdir -p bin/dist
	@for platform in $(PLUGIN_PLATFORMS); do \
	  echo "building for $$platform"; \
	  export GOOS=$${platform%_*} GOARCH=$${platform#*_}; \
	  CGO_ENABLED=0 go build -trimpath -ldflags="$(LDFLAGS)" -o "bin/plugin-platforms/$$platform/" ./cmd/kubectl-firebreak; \
	done
	@cd .ci/krew && go run . -version="$(VERSION)" -homepage="$(HOMEPAGE)" -downloads="$(DOWNLOADS)" \
	  -binaries=../../bin/plugin-platforms -license=../../LICENSE -completion=../../config/krew/kubectl_complete-firebreak \
	  -template=../../config/krew/firebreak.yaml.tmpl -out=../../bin/dist

.PHONY: image
image: ## Build the container image IMG (firebreak-controller:latest)
	docker build --build-arg VERSION="$(VERSION)" --tag $(IMG) .

.PHONY: install
install: ## Install the CRDs into the cluster of your kubeconfig
	$(KUBECTL) apply --server-side -k config/crd

.PHONY: uninstall
uninstall: ## Remove the CRDs, and with them every profile and its policies
	$(KUBECTL) delete --ignore-not-found -k config/crd

.PHONY: deploy
deploy: bin/deploy/kustomization.yaml ## Install CRDs and operator, with image IMG, into the cluster of your kubeconfig
	$(KUBECTL) apply --server-side -k bin/deploy
	$(KUBECTL) -n firebreak-system rollout status deployment/firebreak-controller-manager --timeout=3m

# The profiles go first, while the operator is there to take their policies away in a safe order.
.PHONY: undeploy
undeploy: ## Remove all profiles with their policies, then operator and CRDs
	@if $(KUBECTL) get -k config/crd >/dev/null 2>&1; then \
	  $(KUBECTL) delete clustersegmentationprofiles --all --timeout=5m; \
	  $(KUBECTL) delete segmentationprofiles --all --all-namespaces --timeout=5m; \
	fi
	$(KUBECTL) delete --ignore-not-found -k config/default

.PHONY: bin/deploy/kustomization.yaml
bin/deploy/kustomization.yaml:
	@mkdir -p $(@D)
	@image='$(IMG)'; name=$${image%:*}; version="newTag: \"$${image##*:}\""; \
	case $$image in \
	  *@*) name=$${image%@*}; version="digest: \"$${image#*@}\"" ;; \
	  *:*/*:*) ;; \
	  *:*/*) name=$$image; version='newTag: latest' ;; \
	  *:*) ;; \
	  *) version='newTag: latest' ;; \
	esac; \
	printf '%s\n' 'apiVersion: kustomize.config.k8s.io/v1beta1' 'kind: Kustomization' \
	  'resources: [../../config/default]' \
	  "images: [{name: firebreak-controller, newName: \"$$name\", $$version}]" >$@
