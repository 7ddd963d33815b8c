package leadership

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Client returns a client that writes during a term only. What it reads, it reads at any time.
func Client(of client.Client, term *Term) client.Client {
	if term == nil {
		return of
	}
	return writer{Client: of, term: term}
}

type writer struct {
	client.Client
	term *Term
}

// Create implements client.Writer.
func (w writer) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	return w.term.During(ctx, func(ctx context.Context) error { return w.Client.Create(ctx, obj, opts...) })
}

// Update implements client.Writer.
func (w writer) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	return w.term.During(ctx, func(ctx context.Context) error { return w.Client.Update(ctx, obj, opts...) })
}

// Patch implements client.Writer.
func (w writer) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	return w.term.During(ctx, func(ctx context.Context) error { return w.Client.Patch(ctx, obj, patch, opts...) })
}

// Delete implements client.Writer.
func (w writer) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	return w.term.During(ctx, func(ctx context.Context) error { return w.Client.Delete(ctx, obj, opts...) })
}

// DeleteAllOf implements client.Writer.
func (w writer) DeleteAllOf(ctx context.Context, obj client.Object, opts ...client.DeleteAllOfOption) error {
	return w.term.During(ctx, func(ctx context.Context) error { return w.Client.DeleteAllOf(ctx, obj, opts...) })
}

// Apply implements client.Writer.
func (w writer) Apply(ctx context.Context, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	return w.term.During(ctx, func(ctx context.Context) error { return w.Client.Apply(ctx, obj, opts...) })
}

// Status implements client.StatusClient.
func (w writer) Status() client.SubResourceWriter {
	return subresourceWriter{SubResourceWriter: w.Client.Status(), term: w.term}
}

// SubResource implements client.SubResourceClientConstructor.
func (w writer) SubResource(name string) client.SubResourceClient {
	of := w.Client.SubResource(name)
	return struct {
		client.SubResourceReader
		client.SubResourceWriter
	}{of, subresourceWriter{SubResourceWriter: of, term: w.term}}
}

type subresourceWriter struct {
	client.SubResourceWriter
	term *Term
}

// Create implements client.SubResourceWriter.
func (w subresourceWriter) Create(ctx context.Context, obj, sub client.Object, opts ...client.SubResourceCreateOption) error {
	return w.term.During(ctx, func(ctx context.Context) error { return w.SubResourceWriter.Create(ctx, obj, sub, opts...) })
}

// Update implements client.SubResourceWriter.
func (w subresourceWriter) Update(ctx context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	return w.term.During(ctx, func(ctx context.Context) error { return w.SubResourceWriter.Update(ctx, obj, opts...) })
}

// Patch implements client.SubResourceWriter.
func (w subresourceWriter) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	return w.term.During(ctx, func(ctx context.Context) error { return w.SubResourceWriter.Patch(ctx, obj, patch, opts...) })
}

// Apply implements client.SubResourceWriter.
func (w subresourceWriter) Apply(ctx context.Context, obj runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
	return w.term.During(ctx, func(ctx context.Context) error { return w.SubResourceWriter.Apply(ctx, obj, opts...) })
}
