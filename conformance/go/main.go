// Makes calls with the official Go client and tells what came of each.
//
// A line of standard input is JSON: {url, ca, accessKeyId, accessKeySecret, action, parameters, common}.
// A line of standard output is JSON: {reply}, {error: {raised, code, message, status, requestId, recommend}}, or
// {lacks} with the operation or parameter that the client has no place for; then nothing was sent.
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
)

const region = "cn-hangzhou"

// access is what makes a client: where it asks, whom it trusts, and as whom.
type access struct {
	Url, Ca, AccessKeyId, AccessKeySecret string
}

type question struct {
	access
	Action     string
	Parameters map[string]any
	Common     bool
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
	client := clientFor(asked.access)
	if asked.Common {
		return askCommon(client, asked)
	}
	call := reflect.ValueOf(client).MethodByName(asked.Action)
	if !call.IsValid() {
		return answer{"lacks": asked.Action}
	}
	request := reflect.New(call.Type().In(0).Elem())
	initialize(request, asked.Action)
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

// askCommon asks without a request type of the action's own.
func askCommon(client *kms.Client, asked question) answer {
	request := requests.NewCommonRequest()
	request.Product, request.Version, request.ApiName = "Kms", "2016-01-20", asked.Action
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

var clients = map[access]*kms.Client{}

// clientFor keeps clients, and with them their connections.
func clientFor(wanted access) *kms.Client {
	if client, known := clients[wanted]; known {
		return client
	}
	place, err := url.Parse(wanted.Url)
	must(err)
	config := sdk.NewConfig().WithScheme(place.Scheme)
	if wanted.Ca != "" {
		config = config.WithHttpTransport(&http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority(wanted.Ca)}})
	}
	credential := credentials.NewAccessKeyCredential(wanted.AccessKeyId, wanted.AccessKeySecret)
	client, err := kms.NewClientWithOptions(region, config, credential)
	must(err)
	client.Domain = place.Host
	clients[wanted] = client
	return client
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

// initialize does what the SDK's CreateXyzRequest does: these functions cannot be found by name.
func initialize(request reflect.Value, action string) {
	rpc := &requests.RpcRequest{}
	rpc.InitWithApiInfo("Kms", "2016-01-20", action, "kms", "openAPI")
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

// set fills a field: integers and booleans are strings to this SDK, lists are pointers to slices.
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
