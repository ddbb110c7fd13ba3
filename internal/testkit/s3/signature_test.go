package s3

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestVerify has the examples of "Signature Calculations for the Authorization Header" in the S3 API reference, which name
// their key.
func TestVerify(t *testing.T) {
	t.Parallel()
	s := &Server{AccessKey: "AKIAIOSFODNN7EXAMPLE", SecretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	request := func(target, headers, signature string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		r.Host = "examplebucket.s3.amazonaws.com"
		r.Header.Set("X-Amz-Date", "20130524T000000Z")
		r.Header.Set("X-Amz-Content-Sha256", empty)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+s.AccessKey+"/20130524/us-east-1/s3/aws4_request,SignedHeaders="+headers+",Signature="+signature)
		return r
	}
	const headers = "host;x-amz-content-sha256;x-amz-date"
	object := request("/test.txt", "host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
	object.Header.Set("Range", "bytes=0-9")
	for name, r := range map[string]*http.Request{
		"get an object":  object,
		"get the policy": request("/?lifecycle", headers, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
		"list objects":   request("/?max-keys=2&prefix=J", headers, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
	} {
		if err := s.verify(r); err != nil {
			t.Errorf("%s: verify() = %v, want none", name, err)
		}
		if err := (&Server{AccessKey: s.AccessKey, SecretKey: "another"}).verify(r); err == nil {
			t.Errorf("%s: another secret key is accepted", name)
		}
		if err := (&Server{AccessKey: "AKIAOTHER", SecretKey: s.SecretKey}).verify(r); err == nil {
			t.Errorf("%s: another access key is accepted", name)
		}
	}
	if err := s.verify(httptest.NewRequest(http.MethodGet, "/", nil)); err == nil {
		t.Error("a request that is not signed is accepted")
	}
}
