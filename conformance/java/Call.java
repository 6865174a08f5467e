import com.aliyuncs.AcsRequest;
import com.aliyuncs.AcsResponse;
import com.aliyuncs.CommonRequest;
import com.aliyuncs.DefaultAcsClient;
import com.aliyuncs.RpcAcsRequest;
import com.aliyuncs.auth.SignatureVersion;
import com.aliyuncs.exceptions.ClientException;
import com.aliyuncs.http.HttpResponse;
import com.aliyuncs.http.MethodType;
import com.aliyuncs.http.ProtocolType;
import com.aliyuncs.profile.DefaultProfile;
import com.aliyuncs.profile.IClientProfile;
import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * Makes calls with the official Java client and prints the results.
 *
 * <p>A line of standard input is JSON: {url, accessKeyId, accessKeySecret, signature, action, parameters, common}. A
 * line of standard output is JSON: {reply}, {error: {raised, code, message, status, requestId, cause}}, or {lacks} with an
 * operation or parameter that the client does not support; then nothing was sent.
 */
final class Call {
    private static final String REGION = "cn-hangzhou";
    private static final String VERSION = "2016-01-20";
    private static final String MODEL = "com.aliyuncs.kms.model.v20160120.";

    /** Maps fields of the client's classes, such as keyId, to names of the API, such as KeyId. */
    private static final Gson API = new GsonBuilder()
            .setFieldNamingPolicy(FieldNamingPolicy.UPPER_CAMEL_CASE)
            .create();
    private static final Gson LINE = new Gson();

    private final Map<String, Client> clients = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream output = new PrintStream(System.out, true, "UTF-8");
        Call call = new Call();
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            output.println(LINE.toJson(call.answer(LINE.fromJson(line, Question.class))));
        }
        // The client's threads for idle connections would keep the process running.
        System.exit(0);
    }

    private static final class Question {
        String url;
        String accessKeyId;
        String accessKeySecret;
        SignatureVersion signature;
        String action;
        JsonObject parameters;
        boolean common;
    }

    /** The client, with the status of its last response, which its exceptions do not contain. */
    private static final class Client extends DefaultAcsClient {
        int status;

        Client(Question question) {
            super(DefaultProfile.getProfile(REGION, question.accessKeyId, question.accessKeySecret));
            setSignatureVersion(question.signature);
        }

        @Override
        public <T extends AcsResponse> HttpResponse doAction(
                AcsRequest<T> request, boolean retry, int tries, IClientProfile profile) throws ClientException {
            status = 0;
            HttpResponse response = super.doAction(request, retry, tries, profile);
            status = response.getStatus();
            return response;
        }
    }

    private JsonObject answer(Question question) throws Exception {
        String access = question.url + question.accessKeyId + question.accessKeySecret + question.signature;
        Client client = clients.computeIfAbsent(access, key -> new Client(question));
        JsonObject answer = new JsonObject();
        try {
            JsonElement reply = question.common ? common(client, question) : typed(client, question);
            answer.add("reply", reply);
        } catch (Lacks lacks) {
            answer.addProperty("lacks", lacks.getMessage());
        } catch (ClientException refused) {
            answer.add("error", error(refused, client.status));
        }
        return answer;
    }

    /** Calls the action with the client's request class, filled with its setters. */
    private static JsonElement typed(Client client, Question question) throws Exception {
        RpcAcsRequest<?> request = request(question.action);
        for (Map.Entry<String, JsonElement> parameter : question.parameters.entrySet()) {
            set(request, question.action, parameter.getKey(), parameter.getValue());
        }
        URI place = URI.create(question.url);
        request.setSysEndpoint(place.getAuthority());
        request.setSysProtocol(ProtocolType.valueOf(place.getScheme().toUpperCase()));
        return API.toJsonTree(client.getAcsResponse(request));
    }

    /** Calls the action with a generic request. */
    private static JsonElement common(Client client, Question question) throws ClientException {
        URI place = URI.create(question.url);
        CommonRequest request = new CommonRequest();
        request.setSysDomain(place.getAuthority());
        request.setSysProtocol(ProtocolType.valueOf(place.getScheme().toUpperCase()));
        request.setSysProduct("Kms");
        request.setSysVersion(VERSION);
        request.setSysAction(question.action);
        request.setSysMethod(MethodType.POST);
        question.parameters.entrySet().forEach(
                parameter -> request.putQueryParameter(parameter.getKey(), parameter.getValue().getAsString()));
        return LINE.fromJson(client.getCommonResponse(request).getData(), JsonElement.class);
    }

    private static RpcAcsRequest<?> request(String action) throws ReflectiveOperationException {
        try {
            Class<?> type = Class.forName(MODEL + action + "Request");
            return (RpcAcsRequest<?>) type.getConstructor().newInstance();
        } catch (ClassNotFoundException absent) {
            throw new Lacks(action);
        }
    }

    private static void set(RpcAcsRequest<?> request, String action, String name, JsonElement value)
            throws IllegalAccessException, InvocationTargetException {
        // Setters of lists are in the plural: setResourceIds sets ResourceId.1, ResourceId.2.
        String setter = "set" + name + (value.isJsonArray() ? "s" : "");
        for (Method method : request.getClass().getDeclaredMethods()) {
            if (method.getName().equals(setter)) {
                Object argument = API.fromJson(value, method.getGenericParameterTypes()[0]);
                method.invoke(request, argument);
                return;
            }
        }
        throw new Lacks(action + "." + name);
    }

    private static JsonObject error(ClientException refused, int status) {
        JsonObject error = new JsonObject();
        error.addProperty("raised", refused.getClass().getName());
        error.addProperty("code", refused.getErrCode());
        error.addProperty("message", refused.getErrMsg());
        error.addProperty("status", status);
        error.addProperty("requestId", refused.getRequestId());
        error.addProperty("cause", String.valueOf(refused.getCause()));
        return error;
    }

    /** The client does not support this operation or parameter. */
    private static final class Lacks extends RuntimeException {
        Lacks(String what) {
            super(what);
        }
    }
}
