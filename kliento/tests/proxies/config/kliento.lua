-- The action `lua.kliento` asks `kliento serve` whether to let a request through.

local url = "http://127.0.0.1:8080/authorize"
-- In milliseconds. HAProxy tries four times.
local timeout = 1000

local identity = {
    "kliento-subject", "kliento-organisation", "kliento-user", "kliento-signer",
    "kliento-audience", "kliento-valid-until", "kliento-claims", "kliento-claim-role",
}
local rejection = { "www-authenticate", "retry-after", "content-type", "cache-control" }
-- Any other answer is a fault on this side.
local rejections = { [401] = true, [403] = true, [429] = true, [431] = true }

-- Lists of values begin with 0 in HAProxy, and with 1 in Lua.
local function values(list)
    local copy = {}
    for index = 0, list and #list or -1 do copy[#copy + 1] = list[index] end
    return copy
end

-- HAProxy does not say whether there was room for a header.
local function set_identity(http, headers)
    for _, name in ipairs(identity) do
        http:req_set_header(name, values(headers[name])[1] or "")
    end
    local found = http:req_get_headers()
    for _, name in ipairs(identity) do
        local set = values(found[name])
        if #set ~= 1 or set[1] ~= (values(headers[name])[1] or "") then return false end
    end
    return true
end

core.register_action("kliento", { "http-req" }, function(txn)
    local answer = core.httpclient():get{
        url = url,
        headers = {
            ["host"] = { "kliento" },
            ["authorization"] = values(txn.http:req_get_headers()["authorization"]),
        },
        timeout = timeout,
    }
    local headers = answer and answer.headers or {}
    if answer and answer.status == 200 then
        if set_identity(txn.http, headers) then
            -- The configuration denies requests without it.
            txn:set_var("txn.kliento", true)
            return
        end
        return txn:done(txn:reply{ status = 431 })
    end
    local reply = txn:reply()
    if answer and rejections[answer.status] then
        reply:set_status(answer.status)
        for _, name in ipairs(rejection) do
            for _, value in ipairs(values(headers[name])) do reply:add_header(name, value) end
        end
        reply:set_body(answer.body or "")
    else
        reply:set_status(503)
        reply:add_header("retry-after", values(headers["retry-after"])[1] or "1")
        reply:add_header("cache-control", "no-store")
    end
    txn:done(reply)
end)
