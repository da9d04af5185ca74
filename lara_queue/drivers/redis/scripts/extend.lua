-- Renew reservations. Returns one character each: 1 when it was there, 0 when it had been lost.
--
-- KEYS  1 :reserved
-- ARGV  1 new Unix time when they run out, then reserved texts
local held = {}
for i = 2, #ARGV do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    redis.call('ZADD', KEYS[1], 'XX', ARGV[1], ARGV[i])
    held[i - 1] = 1
  else
    held[i - 1] = 0
  end
end
return table.concat(held)
