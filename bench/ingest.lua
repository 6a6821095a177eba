-- The job of ingest as it is usually done in Lua, for orientation: check the
-- key, parse, check the fields, number the event, push it.
local cjson = require 'cjson'
local redis = require 'nginx.redis'

ngx.req.read_body()

if ngx.var.http_x_api_key ~= ngx.var.bench_key then
    return ngx.exit(401)
end

local ok, event = pcall(cjson.decode, ngx.req.get_body_data() or '')

if not ok or type(event) ~= 'table' then
    return ngx.exit(400)
end

for _, field in ipairs({'hostname', 'message', 'timestamp'}) do
    if type(event[field]) ~= 'string' or event[field] == '' then
        return ngx.exit(400)
    end
end

event._attempts = 0
event._event_id = string.format('%08x-%04x-4%03x-%04x-%012x',
    math.random(0, 0x7fffffff), math.random(0, 0xffff), math.random(0, 0xfff),
    0x8000 + math.random(0, 0x3fff), math.random(0, 0x7fffffff))
event._received_at = ngx.utctime()

local client = redis:new()

if not client:connect('127.0.0.1', tonumber(ngx.var.bench_redis)) then
    return ngx.exit(503)
end

local depth = client:lpush('bench:lua', cjson.encode(event))

client:set_keepalive(10000, 64)

if not depth then
    return ngx.exit(503)
end

ngx.header.content_type = 'application/json'
ngx.print(cjson.encode({status = 'queued', event_id = event._event_id,
    queue_depth = depth}))
