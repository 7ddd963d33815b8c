{{- define "type" -}}
{{- $type := . }}
### {{ $type.Name }}

{{ $type.Doc }}
{{- $users := list }}
{{- range $type.SortedReferences }}{{ if markdownShouldRenderType . }}
{{- $users = append $users (markdownRenderTypeLink .) }}
{{- end }}{{ end }}
{{- if $users }}

Used in {{ join ", " $users }}.
{{- end }}
{{- if $type.EnumValues }}

One of{{ range $i, $value := $type.EnumValues }}{{ if $i }},{{ end }} `{{ $value.Name }}`{{ end }}.
{{- else if $type.IsAlias }}

A {{ markdownRenderTypeLink $type.UnderlyingType }}{{ if $type.Validation }} ({{ join "; " $type.Validation }}){{ end }}.
{{- end }}
{{- template "rules" $type.Markers }}
{{- if $type.Members }}

| Field | Type | Meaning | Bounds |
| --- | --- | --- | --- |
{{- range $type.Members }}
{{ template "type_members" . }}
{{- end }}
{{- end }}
{{ end -}}

{{- define "rules" -}}
{{- $rules := index . "kubebuilder:validation:XValidation" }}
{{- if $rules }}

The API server also checks:
{{ range $rules }}
- {{ template "rule" . }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* What a rule asks for: its message where that is a constant, else the expression itself. */ -}}
{{- define "rule" -}}
{{- if .Message }}{{ .Message }}{{ else }}`{{ .Rule | replace "\n" " " }}`{{ end }}
{{- end -}}
