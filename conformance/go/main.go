// Makes calls with the official Go client and prints the results.
//
// A line of standard input is JSON: {product, version, url, ca, accessKeyId, accessKeySecret, securityToken, action,
// parameters, common}. If it has `credentials`, the configuration of the credentials library, the reply is the credentials that
// the library finds; an empty configuration means the library's default chain.
// A line of standard output is JSON: {reply}, {error: {raised, code, message, status, requestId, recommend}}, or
// {lacks} with an operation or parameter that the client does not support; then nothing was sent.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/ram"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/sts"
	library "github.com/aliyun/credentials-go/credentials"
)

const region = "cn-hangzhou"

// access is the configuration of a client: product, server, trusted authority and credentials.
type access struct {
	Product, Version, Url, Ca, AccessKeyId, AccessKeySecret, SecurityToken string
}

type question struct {
	access
	Action      string
	Parameters  map[string]any
	Common      bool
	Credentials *library.Config
}

// client is the client of a product, with the part that all clients share.
type client struct {
	typed reflect.Value
	*sdk.Client
}

type answer map[string]any

func main() {
	input, output := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	input.UseNumber()
	for input.More() {
		var asked question
		must(input.Decode(&asked))
		must(output.Encode(ask(asked)))
	}
}

func ask(asked question) answer {
	if asked.Credentials != nil {
		return found(asked.Credentials)
	}
	client := clientFor(asked.access)
	if asked.Common {
		return askCommon(client, asked)
	}
	call := client.typed.MethodByName(asked.Action)
	if !call.IsValid() {
		return answer{"lacks": asked.Action}
	}
	request := reflect.New(call.Type().In(0).Elem())
	initialize(request, asked)
	for name, value := range asked.Parameters {
		field, found := fieldNamed(request.Elem(), name)
		if !found {
			return answer{"lacks": asked.Action + "." + name}
		}
		set(field, value)
	}
	returned := call.Call([]reflect.Value{request})
	if err, failed := returned[1].Interface().(error); failed {
		return refusal(err)
	}
	return answer{"reply": returned[0].Interface()}
}

// found returns the credentials that the library finds for a configuration.
func found(config *library.Config) answer {
	if config.Type == nil {
		config = nil // the default chain
	}
	provider, err := library.NewCredential(config)
	if err != nil {
		return refusal(err)
	}
	credential, err := provider.GetCredential()
	if err != nil {
		return refusal(err)
	}
	return answer{"reply": map[string]any{
		"AccessKeyId":     credential.AccessKeyId,
		"AccessKeySecret": credential.AccessKeySecret,
		"SecurityToken":   credential.SecurityToken,
	}}
}

// askCommon sends a generic request, without the type of the action.
func askCommon(client client, asked question) answer {
	request := requests.NewCommonRequest()
	request.Product, request.Version, request.ApiName = asked.Product, asked.Version, asked.Action
	request.Method = requests.POST
	for name, value := range asked.Parameters {
		request.QueryParams[name] = fmt.Sprint(value)
	}
	response, err := client.ProcessCommonRequest(request)
	if err != nil {
		return refusal(err)
	}
	return answer{"reply": json.RawMessage(response.GetHttpContentBytes())}
}

var clients = map[access]client{}

// clientFor caches clients, and so their connections.
func clientFor(wanted access) client {
	if client, known := clients[wanted]; known {
		return client
	}
	place, err := url.Parse(wanted.Url)
	must(err)
	config := sdk.NewConfig().WithScheme(place.Scheme)
	if wanted.Ca != "" {
		config = config.WithHttpTransport(&http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority(wanted.Ca)}})
	}
	made := newClient(wanted, config)
	made.Domain = place.Host
	clients[wanted] = made
	return made
}

func newClient(wanted access, config *sdk.Config) client {
	var credential any = credentials.NewAccessKeyCredential(wanted.AccessKeyId, wanted.AccessKeySecret)
	if wanted.SecurityToken != "" {
		credential = credentials.NewStsTokenCredential(wanted.AccessKeyId, wanted.AccessKeySecret, wanted.SecurityToken)
	}
	switch wanted.Product {
	case "Kms":
		made, err := kms.NewClientWithOptions(region, config, credential)
		must(err)
		return client{reflect.ValueOf(made), &made.Client}
	case "Ram":
		made, err := ram.NewClientWithOptions(region, config, credential)
		must(err)
		return client{reflect.ValueOf(made), &made.Client}
	case "Sts":
		made, err := sts.NewClientWithOptions(region, config, credential)
		must(err)
		return client{reflect.ValueOf(made), &made.Client}
	}
	panic("no client of " + wanted.Product)
}

func authority(path string) *x509.CertPool {
	pem, err := os.ReadFile(path)
	must(err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		panic(path + " holds no certificate")
	}
	return pool
}

// initialize does what the SDK's CreateXyzRequest does, because functions cannot be found by name.
func initialize(request reflect.Value, asked question) {
	rpc := &requests.RpcRequest{}
	rpc.InitWithApiInfo(asked.Product, asked.Version, asked.Action, strings.ToLower(asked.Product), "openAPI")
	request.Elem().FieldByName("RpcRequest").Set(reflect.ValueOf(rpc))
}

func fieldNamed(request reflect.Value, name string) (reflect.Value, bool) {
	for i := 0; i < request.NumField(); i++ {
		if request.Type().Field(i).Tag.Get("name") == name {
			return request.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// set fills a field. In this SDK, integers and booleans are strings, and lists are pointers to slices.
func set(field reflect.Value, value any) {
	if field.Kind() == reflect.String {
		field.SetString(fmt.Sprint(value))
		return
	}
	list, err := json.Marshal(value)
	must(err)
	must(json.Unmarshal(list, field.Addr().Interface()))
}

func refusal(err error) answer {
	told := answer{"raised": strings.TrimPrefix(fmt.Sprintf("%T", err), "*"), "message": err.Error()}
	if server, ok := err.(*errors.ServerError); ok {
		told["code"], told["message"], told["status"] = server.ErrorCode(), server.Message(), server.HttpStatus()
		told["requestId"], told["recommend"] = server.RequestId(), server.Recommend()
	}
	return answer{"error": told}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
