#!lua flags=no-writes,allow-oom
-- The conservation equation in one snapshot:
--   accepted + external_in + meta_created = terminal + in flight
--
-- KEYS  1 ledger, 2 workers, 3 ingest queue, 4 alert queue, 5 retries,
--       6 alerter's dead letters, 7 forwarder's dead letters; for the details
--       also 8 epoch
-- ARGV  prefix of the processing lists
-- Returns name, value, name, value, ...; "difference" last.  The details, in
--       front of it: "processing:{kind}:{pod}" for each worker's list,
--       "processing:doorbell" for what a doorbell has brought and no worker
--       has yet, if there is any, "epoch", and "oldest", the _received_at of the oldest item that waits in the
--       ingest queue or is in a worker's hands, "" for none
--
-- Reads processing lists that KEYS cannot name; standalone Redis allows it.
-- What a purge takes from the dead or the dead letters is counted by it.

local ledger, workers = KEYS[1], KEYS[2]
local prefix = ARGV[1]
local epoch = KEYS[8]
local oldest = ''

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

local function look(list)
    local item = redis.call('LINDEX', list, -1)
    local at = item and string.match(string.sub(item, 1, 512),
        '"_received_at":"([%d:.TZ-]+)"')
    if at and (oldest == '' or at < oldest) then
        oldest = at
    end
end

counters({'accepted', 'external_in', 'meta_created'}, 1)
counters({'logged', 'suppressed', 'unhandled', 'delivered', 'dead',
    'dead_purged', 'dlq_purged'}, -1)

add('ingest_queue', redis.call('LLEN', KEYS[3]), -1)
add('alert_queue', redis.call('LLEN', KEYS[4]), -1)
add('retry', redis.call('ZCARD', KEYS[5]), -1)
add('dlq_alerter', redis.call('LLEN', KEYS[6]), -1)
add('dlq_moog', redis.call('LLEN', KEYS[7]), -1)

-- the doorbell's list belongs to no worker
local lists = {'alerter:'}
for _, worker in ipairs(redis.call('SMEMBERS', workers)) do
    lists[#lists + 1] = worker
end

local processing, each = 0, {}
for i, list in ipairs(lists) do
    each[i] = redis.call('LLEN', prefix .. list)
    processing = processing + each[i]
end
add('processing', processing, -1)

if epoch then
    look(KEYS[3])
    for i, list in ipairs(lists) do
        look(prefix .. list)
        if i > 1 or each[i] > 0 then
            reply[#reply + 1] = 'processing:' .. (i == 1 and 'doorbell' or list)
            reply[#reply + 1] = each[i]
        end
    end
    reply[#reply + 1] = 'epoch'
    reply[#reply + 1] = tonumber(redis.call('GET', epoch)) or 0
    reply[#reply + 1] = 'oldest'
    reply[#reply + 1] = oldest
end

reply[#reply + 1] = 'difference'
reply[#reply + 1] = balance

return reply
