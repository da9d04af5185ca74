-- add_unique(key, score, member): the whitespace that had to be appended to keep the member apart.
--
-- A sorted set holds a text once. Two jobs with the same bytes are two jobs, so the second gets white space at its
-- end: it is still the same JSON. After one blank, the size of the set is written in blanks and tabs, so that the
-- ten-thousandth copy finds a free text as fast as the second.
local function add_unique(key, score, member)
  if redis.call('ZADD', key, 'NX', score, member) == 1 then
    return ''
  end
  if redis.call('ZADD', key, 'NX', score, member .. ' ') == 1 then
    return ' '
  end
  local number = redis.call('ZCARD', key)
  while true do
    local bits, rest = {}, number
    while rest > 0 do
      bits[#bits + 1] = rest % 2 == 1 and '\t' or ' '
      rest = math.floor(rest / 2)
    end
    local blanks = ' ' .. table.concat(bits)
    if redis.call('ZADD', key, 'NX', score, member .. blanks) == 1 then
      return blanks
    end
    number = number + 1
  end
end
