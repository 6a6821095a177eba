#!lua
-- Shows events that were decided, a sample of them, to who watches.
--
-- KEYS  1 messages, 2 how many events there were in all
-- ARGV  messages kept, events that passed, then the sample: JSON each
-- Returns how many events there were in all
--
-- A message says how many events passed and how many that makes in all: who
-- comes too late for some messages knows how many events they were about.

local passed = ARGV[2]
local all = redis.call('INCRBY', KEYS[2], passed)
local message = {'n', passed, 't', string.format('%.0f', all)}

for i = 3, #ARGV do
    message[#message + 1] = 'e'
    message[#message + 1] = ARGV[i]
end
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[1], '*', unpack(message))

return all
