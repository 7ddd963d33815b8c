{{- define "gvDetails" -}}
{{- $gv := . }}
API group and version: `{{ $gv.GroupVersionString }}`. Kinds:
{{ range $gv.SortedKinds }}
- {{ markdownRenderTypeLink ($gv.TypeForKind .) }}
{{- end }}

## Kinds
{{ range $gv.SortedKinds }}{{ template "type" ($gv.TypeForKind .) }}{{ end }}
## Types
{{ range $gv.SortedTypes }}{{ if and (not .GVK) (markdownShouldRenderType .) }}{{ template "type" . }}{{ end }}{{ end }}
{{- end -}}
