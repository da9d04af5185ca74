-- Move reservations to :delayed, the raised attempts kept. Mirrors LuaScripts::release, but a reservation that had
-- been lost is not added a second time. Returns one character each: 1 when it was there, 0 when it had been lost.
--
-- KEYS  1 :reserved, 2 :delayed, 3 :notify
-- ARGV  for each: reserved text, Unix time when it is due, 1 to wake a waiting worker for it or 0
local held = {}
for i = 1, #ARGV, 3 do
  local was_there = redis.call('ZREM', KEYS[1], ARGV[i])
  held[#held + 1] = was_there
  if was_there == 1 then
    add_unique(KEYS[2], ARGV[i + 1], ARGV[i])
    if ARGV[i + 2] == '1' then
      redis.call('RPUSH', KEYS[3], '1')
    end
  end
end
return table.concat(held)
