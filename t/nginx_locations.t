# Locations that are cut up further, by limit_except or if, serve what the
# location that they are in serves.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis nginx));

$t->conf(<<'EOC');
location / {
            mutt_ingest;
            mutt_api;
            mutt_metrics;
            mutt_health;
        }

        location /api/ {
            limit_except GET {
                allow 127.0.0.1;
                deny all;
            }

            mutt_limit_status 503;
            mutt_ingest;
            mutt_api;
        }

        location = /ingest {
            limit_except OPTIONS {
                deny all;
            }

            mutt_ingest;
        }

        location = /health {
            set $where outside;

            if ($arg_deep) {
                set $where inside;
                add_header X-Where $where;
            }

            mutt_health;
        }
EOC
$t->run();

is($t->http('GET', '/api/v2/version')->{code}, 200,
    'what limit_except leaves alone is served');
is($t->ingest('x')->{code}, 200, 'and what it lets through');
is($t->http('DELETE', '/api/v2/version')->{json}{code}, 'method_not_allowed',
    'by the same rules');
is($t->http('POST', '/ingest', '{}', 'X-API-KEY' => $t->key('ingest'))->{code},
    403, 'what it refuses is not');

$t->setting('ingest_max_rate', 1);
is($t->wait_for(sub { my $r = $t->ingest('x');
        $r->{code} == 200 ? undef : $r->{code} }, 20), 503,
    'and what is set for the location counts');

my $r = $t->http('GET', '/health?deep=1');

is($r->{code}, 200, 'an if is no other place');
is($r->{header}{'x-where'}, 'inside', 'though it was in it');
is($t->http('GET', '/health')->{code}, 200, 'nor is there another without');

$t->done();
