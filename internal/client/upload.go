package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"time"
)

// File is what an upload sends: its name, its size in bytes, and its bytes. The bytes
// are read as they are sent, so a file of any size takes the same small memory; they
// are read again from the start when a server redirects the upload.
type File struct {
	Name string
	Size int64
	Data io.ReaderAt
	// Sent is called with the number of bytes just read for sending; it may be nil.
	Sent func(n int)
}

// reader returns a reader of the whole file that reports what it reads.
func (f File) reader() io.Reader {
	r := io.NewSectionReader(f.Data, 0, f.Size)
	if f.Sent == nil {
		return r
	}
	return &countingReader{r: r, sent: f.Sent}
}

// countingReader reports how much was read.
type countingReader struct {
	r    io.Reader
	sent func(int)
}

// Read implements io.Reader.
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if n > 0 {
		c.sent(n)
	}
	return n, err
}

// Artifact is a file that the service keeps for tasks.
type Artifact struct {
	SHA256 string `json:"sha256"`
	Name   string `json:"name"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// URI is what a spec names: "artifact:<sha256>/<name>".
	URI     string    `json:"uri"`
	Created time.Time `json:"created,omitzero"`
}

// UploadArtifact sends a file to the service, which keeps it under its SHA-256.
func (c *Client) UploadArtifact(ctx context.Context, f File) (Artifact, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost,
		c.URL("v1/artifacts")+"?"+url.Values{"name": {f.Name}}.Encode(), nil)
	if err != nil {
		return Artifact{}, fmt.Errorf("build the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("Accept", "application/json")
	setBody(req, f.Size, f.reader)
	data, err := c.send(req, true)
	if err != nil {
		return Artifact{}, fmt.Errorf("upload %s: %w", f.Name, err)
	}
	var out Artifact
	if err := json.Unmarshal(data, &out); err != nil {
		return Artifact{}, fmt.Errorf("read the answer to the upload of %s: %w", f.Name, err)
	}
	return out, nil
}

// Artifacts lists the files that the service keeps.
func (c *Client) Artifacts(ctx context.Context) ([]Artifact, error) {
	var out struct {
		Artifacts []Artifact `json:"artifacts"`
	}
	_, err := c.decode(ctx, call{method: http.MethodGet, path: []string{"v1", "artifacts"}}, &out)
	return out.Artifacts, err
}

// DeleteArtifact removes a file; one that a cluster uses is a conflict.
func (c *Client) DeleteArtifact(ctx context.Context, sha256 string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: []string{"v1", "artifacts", sha256}})
	return err
}

// setBody gives a request a body of known length that can be sent again. The length
// is declared, because gateways buffer what comes in chunks.
func setBody(req *http.Request, size int64, open func() io.Reader) {
	req.ContentLength = size
	if size == 0 {
		req.Body = http.NoBody
		return
	}
	req.Body = io.NopCloser(open())
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(open()), nil }
}

// multipartBody frames a file as the only part of a form. The frame is made ahead, so
// that the length of the whole is known before the first byte is sent.
func multipartBody(field, contentType string, f File) (header string, size int64, open func() io.Reader, err error) {
	var frame bytes.Buffer
	w := multipart.NewWriter(&frame)
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", multipart.FileContentDisposition(field, f.Name))
	h.Set("Content-Type", contentType)
	if _, err := w.CreatePart(h); err != nil {
		return "", 0, nil, fmt.Errorf("frame the upload: %w", err)
	}
	head := bytes.Clone(frame.Bytes())
	frame.Reset()
	if err := w.Close(); err != nil {
		return "", 0, nil, fmt.Errorf("frame the upload: %w", err)
	}
	tail := bytes.Clone(frame.Bytes())
	open = func() io.Reader {
		return io.MultiReader(bytes.NewReader(head), f.reader(), bytes.NewReader(tail))
	}
	return w.FormDataContentType(), int64(len(head)) + f.Size + int64(len(tail)), open, nil
}
