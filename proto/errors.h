/* SPDX-License-Identifier: ISC */
/*
 * Every error that a user can see, in one table.  HTTP replies, mid-stream
 * error events, JSON-RPC errors, llmctl's exit codes and the request log all
 * print from these rows; nothing else invents a code.
 *
 * ERROR(id, code, status, openai_type, anthropic_type, rpc, exit, text)
 *   code            stable word, OpenAI's `error.code`; scripts match it
 *   status          HTTP status (0: never sent over HTTP)
 *   openai_type     `error.type` of OpenAI's envelope
 *   anthropic_type  `error.error.type` of Anthropic's envelope
 *   rpc             JSON-RPC code (0: never sent over the control socket)
 *   exit            llmctl's exit status (sysexits)
 *   text            default message where the caller has nothing better
 */
#ifndef LLMD_PROTO_ERRORS_H
#define LLMD_PROTO_ERRORS_H

#define ERRORS(ERROR) \
ERROR(NONE, "", 200, "", "", 0, 0, "") \
/* requests that are wrong by themselves */ \
ERROR(BAD_REQUEST, "bad_request", 400, "invalid_request_error", \
    "invalid_request_error", -32600, 65, "Bad request") \
ERROR(INVALID_JSON, "invalid_json", 400, "invalid_request_error", \
    "invalid_request_error", -32700, 65, "Invalid JSON payload") \
ERROR(MISSING_PARAM, "missing_required_parameter", 400, \
    "invalid_request_error", "invalid_request_error", -32602, 64, \
    "Missing required parameter") \
ERROR(INVALID_PARAM, "invalid_value", 400, "invalid_request_error", \
    "invalid_request_error", -32602, 64, "Invalid value") \
ERROR(UNSUPPORTED_PARAM, "unsupported_parameter", 400, \
    "invalid_request_error", "invalid_request_error", -32602, 64, \
    "Unsupported parameter") \
ERROR(UNSUPPORTED_IMAGE, "unsupported_image_url", 400, \
    "invalid_request_error", "invalid_request_error", -32602, 65, \
    "Image URLs are not fetched: send the image as a data: URL") \
ERROR(CONTEXT_LENGTH, "context_length_exceeded", 400, \
    "invalid_request_error", "invalid_request_error", -32005, 65, \
    "The prompt is longer than the model's context") \
/* who may */ \
ERROR(INVALID_API_KEY, "invalid_api_key", 401, "invalid_request_error", \
    "authentication_error", -32003, 77, "Invalid API key") \
ERROR(MODEL_DENIED, "model_access_denied", 403, "permission_denied", \
    "permission_error", -32003, 77, "This key may not use that model") \
ERROR(ORIGIN, "origin_not_allowed", 403, "permission_denied", \
    "permission_error", -32003, 77, \
    "Requests from this web origin are not allowed") \
/* what there is */ \
ERROR(NOT_FOUND, "not_found", 404, "invalid_request_error", \
    "not_found_error", -32004, 66, "Not found") \
ERROR(MODEL_NOT_FOUND, "model_not_found", 404, "invalid_request_error", \
    "not_found_error", -32004, 66, "No such model") \
ERROR(METHOD, "method_not_allowed", 405, "invalid_request_error", \
    "invalid_request_error", -32601, 76, "Method not allowed") \
ERROR(NOT_IMPLEMENTED, "not_implemented", 501, "server_error", \
    "api_error", -32011, 69, "Not implemented") \
/* HTTP itself */ \
ERROR(REQUEST_TIMEOUT, "request_timeout", 408, "invalid_request_error", \
    "invalid_request_error", 0, 75, "The request did not arrive in time") \
ERROR(TOO_LARGE, "request_too_large", 413, "invalid_request_error", \
    "request_too_large", -32001, 65, "The request is too large") \
ERROR(URI_TOO_LONG, "uri_too_long", 414, "invalid_request_error", \
    "invalid_request_error", 0, 65, "The request target is too long") \
ERROR(ENCODING, "unsupported_encoding", 415, "invalid_request_error", \
    "invalid_request_error", 0, 65, \
    "This content encoding is not supported: send the body as it is") \
ERROR(EXPECTATION, "expectation_failed", 417, "invalid_request_error", \
    "invalid_request_error", 0, 65, "Only 100-continue can be expected") \
ERROR(HEADERS_TOO_LARGE, "headers_too_large", 431, \
    "invalid_request_error", "invalid_request_error", 0, 65, \
    "The request's header fields are too large") \
ERROR(HTTP_METHOD, "unknown_method", 501, "invalid_request_error", \
    "invalid_request_error", 0, 65, "Unknown HTTP method or coding") \
ERROR(HTTP_VERSION, "http_version_not_supported", 505, \
    "invalid_request_error", "invalid_request_error", 0, 65, \
    "Only HTTP/1.0 and HTTP/1.1 are spoken here") \
/* limits */ \
ERROR(RATE_LIMIT, "rate_limit_exceeded", 429, "rate_limit_exceeded", \
    "rate_limit_error", -32002, 75, "Rate limit exceeded") \
ERROR(OVERLOADED, "overloaded", 503, "server_error", "overloaded_error", \
    -32002, 75, "The gateway is at its limit") \
ERROR(SHUTTING_DOWN, "shutting_down", 503, "server_error", \
    "overloaded_error", -32006, 69, "llmd is shutting down") \
/* our side of the backend */ \
ERROR(NO_API_KEY, "no_api_key", 503, "server_error", "api_error", -32006, \
    69, "The backend's API key is not set") \
ERROR(NO_DEPLOYMENT, "no_deployment", 503, "server_error", "api_error", \
    -32006, 69, "No deployment can serve this model now") \
ERROR(UPSTREAM, "upstream_error", 502, "server_error", "api_error", \
    -32006, 69, "The backend answered with an error") \
ERROR(UPSTREAM_BUSY, "upstream_overloaded", 503, "server_error", \
    "overloaded_error", -32006, 69, "The backend is overloaded") \
ERROR(UPSTREAM_UNREACHABLE, "upstream_unreachable", 502, "server_error", \
    "api_error", -32006, 69, "The backend cannot be reached") \
ERROR(UPSTREAM_AUTH, "upstream_auth", 502, "server_error", "api_error", \
    -32006, 69, "The backend refused the gateway's credential") \
ERROR(UPSTREAM_INVALID, "upstream_invalid_response", 502, "server_error", \
    "api_error", -32006, 69, "The backend's answer is not valid") \
ERROR(UPSTREAM_INCOMPLETE, "upstream_incomplete", 502, "server_error", \
    "api_error", -32006, 69, "The backend's answer ended early") \
ERROR(UPSTREAM_TIMEOUT, "upstream_timeout", 504, "server_error", \
    "timeout_error", -32007, 75, "The backend did not answer in time") \
/* ends that are nobody's fault */ \
ERROR(CLIENT_GONE, "client_gone", 499, "invalid_request_error", \
    "invalid_request_error", -32008, 75, "The client left") \
ERROR(CANCELLED, "request_cancelled", 503, "server_error", "api_error", \
    -32008, 75, "The request was cancelled by the operator") \
ERROR(INTERNAL, "internal_error", 500, "server_error", "api_error", \
    -32603, 70, "Internal error") \
/* the control socket only */ \
ERROR(RPC_METHOD, "unknown_method", 0, "", "", -32601, 76, \
    "Unknown method") \
ERROR(RPC_PARAM, "unknown_parameter", 0, "", "", -32602, 64, \
    "Unknown parameter") \
ERROR(PERMISSION, "permission", 0, "", "", -32003, 77, \
    "Permission denied") \
ERROR(BUSY, "busy", 0, "", "", -32002, 75, "Too many calls in flight") \
ERROR(CONFLICT, "conflict", 0, "", "", -32009, 75, \
    "The revision has changed") \
ERROR(CURSOR, "cursor_expired", 0, "", "", -32010, 75, \
    "The cursor is too old") \
ERROR(UNSUPPORTED, "unsupported", 0, "", "", -32011, 76, "Unsupported") \
ERROR(CONFIG, "config_invalid", 0, "", "", -32005, 78, \
    "The configuration is not valid") \
/* llmctl and llmtop by themselves */ \
ERROR(USAGE, "usage", 0, "", "", -32602, 64, "Wrong usage") \
ERROR(NO_INPUT, "no_input", 0, "", "", 0, 66, "No such input") \
ERROR(NOT_RUNNING, "not_running", 0, "", "", 0, 69, "llmd is not running") \
ERROR(STALE_SOCKET, "stale_socket", 0, "", "", 0, 69, \
    "Nobody listens on the socket") \
ERROR(SOCKET_DENIED, "socket_denied", 0, "", "", 0, 77, \
    "The socket may not be used") \
ERROR(CONNECTION_LOST, "connection_lost", 0, "", "", 0, 69, \
    "The connection to llmd ended") \
ERROR(TIMEOUT, "timeout", 0, "", "", -32007, 75, "No answer in time") \
ERROR(PROTOCOL, "protocol", 0, "", "", 0, 76, "The peer is not llmd") \
ERROR(IO, "io_error", 0, "", "", 0, 74, "Input or output failed")

#define ERRORS_ENUM(id, ...) ERR_##id,
enum error_id { ERRORS(ERRORS_ENUM) ERR_MAX };
#undef ERRORS_ENUM

struct error_row {
	const char	*code;
	const char	*openai_type;
	const char	*anthropic_type;
	const char	*text;
	int		 rpc;
	short		 status;
	short		 exit;
};

/* Indexed by enum error_id; defined in errors.c. */
extern const struct error_row error_rows[ERR_MAX];

#endif
