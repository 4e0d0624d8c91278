// advert_socket
