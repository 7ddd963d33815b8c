{{- define "type_members" -}}
{{- $field := . -}}
{{- $bounds := list -}}
{{- $required := false -}}
{{- range $field.Validation -}}
{{- if eq . "Required: {}" -}}{{- $required = true -}}
{{- else if ne . "Optional: {}" -}}{{- $bounds = append $bounds (markdownRenderFieldDoc .) -}}
{{- end -}}
{{- end -}}
| `{{ $field.Name }}` {{ if $required }}(required) {{ end }}| {{ markdownRenderType $field.Type }} | {{ if eq $field.Name "metadata" -}}
The usual metadata of a Kubernetes object.
{{- else -}}
{{ $field.Doc | replace "\n" " " | markdownRenderFieldDoc }}
{{- if and $field.Default (ne $field.Name "status") }} Default: `{{ $field.Default }}`.{{ end }}
{{- end }} | {{ join "<br />" $bounds }}
{{- /* Rules of the field's type, which it has inherited, stand with the type. */ -}}
{{- $inherited := index $field.Type.Markers "kubebuilder:validation:XValidation" -}}
{{- if $field.Type.UnderlyingType -}}
{{- $inherited = concat (default list $inherited) (default list (index $field.Type.UnderlyingType.Markers "kubebuilder:validation:XValidation")) -}}
{{- end -}}
{{- range index $field.Markers "kubebuilder:validation:XValidation" -}}
{{- $rule := .Rule -}}
{{- $known := false -}}
{{- range $inherited }}{{ if eq .Rule $rule }}{{ $known = true }}{{ end }}{{ end -}}
{{- if not $known }}<br />{{ .Message | default .Rule | markdownRenderFieldDoc }}{{ end -}}
{{- end }} |
{{- end -}}
