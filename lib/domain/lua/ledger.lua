#!lua flags=no-writes,allow-oom
-- The conservation equation in one snapshot:
--   accepted + external_in + meta_created = terminal + in flight
--
-- KEYS  1 ledger, 2 workers, 3 ingest queue, 4 alert queue, 5 retries,
--       6 alerter's dead letters, 7 forwarder's dead letters
-- ARGV  prefix of the processing lists
-- Returns name, value, name, value, ...; "difference" last
--
-- Reads processing lists that KEYS cannot name; standalone Redis allows it.

local ledger, workers = KEYS[1], KEYS[2]
local prefix = ARGV[1]

local reply = {}
local balance = 0

local function add(name, value, sign)
    reply[#reply + 1] = name
    reply[#reply + 1] = value
    balance = balance + sign * value
end

local function counters(names, sign)
    for _, name in ipairs(names) do
        add(name, tonumber(redis.call('HGET', ledger, name)) or 0, sign)
    end
end

counters({'accepted', 'external_in', 'meta_created'}, 1)
counters({'logged', 'suppressed', 'unhandled', 'delivered', 'dead'}, -1)

add('ingest_queue', redis.call('LLEN', KEYS[3]), -1)
add('alert_queue', redis.call('LLEN', KEYS[4]), -1)
add('retry', redis.call('ZCARD', KEYS[5]), -1)
add('dlq_alerter', redis.call('LLEN', KEYS[6]), -1)
add('dlq_moog', redis.call('LLEN', KEYS[7]), -1)

-- the doorbell's list belongs to no worker
local processing = redis.call('LLEN', prefix .. 'alerter:')
for _, worker in ipairs(redis.call('SMEMBERS', workers)) do
    processing = processing + redis.call('LLEN', prefix .. worker)
end
add('processing', processing, -1)

reply[#reply + 1] = 'difference'
reply[#reply + 1] = balance

return reply
