{{- define "gvList" -}}
# API reference

<!-- Generated from api/v1alpha1 by `make generate`. Do not edit. -->

The same text, field by field, is what `kubectl explain segmentationprofile.spec` prints.
{{ range . }}{{ template "gvDetails" . }}{{ end }}
{{- end -}}
