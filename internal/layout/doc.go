// Package layout places the boxes, frames and arrows of a layered picture: arrows lead from left to right, boxes stand in columns, and
// frames around boxes of one kind never overlap. It knows nothing of what the boxes mean, of text or of formats.
//
// It is a layered drawing after Sugiyama, Tagawa and Toda (IEEE Transactions on Systems, Man, and Cybernetics, 1981), with frames as
// horizontal bands: long arrows become chains of waypoints, one in each column that they pass; each column is put into an order in which
// few arrows cross; then columns get their widths, and what is in them its height on the page.
package layout
