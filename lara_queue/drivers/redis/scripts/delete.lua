-- Remove reservations. Returns one character each: 1 when it was there, 0 when it had been lost.
--
-- KEYS  1 :reserved
-- ARGV  reserved texts
local gone = {}
for i = 1, #ARGV do
  gone[i] = redis.call('ZREM', KEYS[1], ARGV[i])
end
return table.concat(gone)
