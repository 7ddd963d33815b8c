{{/* What the names of this release begin with. */}}
{{- define "firebreak.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name -}}
{{- end -}}
{{- end -}}

{{- define "firebreak.manager" -}}
{{ include "firebreak.fullname" . }}-controller-manager
{{- end -}}

{{- define "firebreak.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "firebreak.manager" .) }}
{{- end -}}

{{/*
The labels of config/, and no others: Helm adds its own to what it installs. Whoever goes from one way of installing to
the other keeps the Deployment, whose selector cannot change.
*/}}
{{- define "firebreak.labels" -}}
app.kubernetes.io/name: firebreak
app.kubernetes.io/component: controller-manager
{{- end -}}

{{- define "firebreak.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/*
The name in this release of something that config/ calls firebreak or firebreak-<something>. Input: name, root.
*/}}
{{- define "firebreak.renamed" -}}
{{ include "firebreak.fullname" .root }}{{ trimPrefix "firebreak" .name }}
{{- end -}}

{{/*
An object of config/prometheus with the name, the namespace and the further labels of this release. Input: object, labels,
root.
*/}}
{{- define "firebreak.monitoring" -}}
{{- $metadata := .object.metadata }}
{{- $_ := set $metadata "name" (include "firebreak.renamed" (dict "name" $metadata.name "root" .root)) }}
{{- $_ := set $metadata "namespace" .root.Release.Namespace }}
{{- $_ := set $metadata "labels" (merge $metadata.labels .labels) }}
{{- toYaml .object }}
{{- end -}}
