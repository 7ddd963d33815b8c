// Package browser opens the pages that the plugin writes in a real browser: headless Chromium. It clicks, types and presses keys as people
// do, and looks at what they would see.
package browser
