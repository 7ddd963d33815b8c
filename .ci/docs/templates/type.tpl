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
{{- $texts := list }}
{{- range index . "kubebuilder:validation:XValidation" }}{{ $texts = append $texts (.Message | default .Rule) }}{{ end }}
{{- if $texts }}

The API server also checks:
{{ range uniq $texts }}
- {{ . }}
{{- end }}
{{- end }}
{{- end -}}
